import Distillation
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import ProgramSupport
import TensorCore

/// What `pytorch_step.py --write` or `RandomInputs` saved: both models before the first step, and the batch of every
/// step.
struct StepInputs {
  private let folder: URL
  private let device: Device
  let batch: TokenBatch

  init(contentsOf folder: URL, device: Device) throws {
    self.folder = folder
    self.device = device
    let data = try Data(contentsOf: folder.appending(path: "batch.json"))
    let sequences = try JSONDecoder().decode(SavedBatch.self, from: data).ids
    // the last token of a sequence has no successor and is not counted
    batch = TokenBatch(
      ids: sequences.flatMap(\.self), targets: sequences.flatMap { $0.dropFirst() + [-1] },
      batchSize: sequences.count)
  }

  /// The ids of the batch as a text of as many sequences, with one token more for the last target.
  var text: PackedSequences {
    get throws {
      try PackedSequences(TokenArray(batch.ids + [batch.ids[0]]), sequenceLength: batch.length, name: "batch.json")
    }
  }

  /// 50 draws of each of the teacher's distributions over `text` at temperature 2, in a temporary folder that is
  /// removed.
  func cache(of text: PackedSequences, precision: ProductPrecision) throws -> TeacherCache {
    let recorder = try TeacherCacheRecorder(
      teacher: teacher(precision: precision), text: text, method: .sampled(draws: 50),
      temperature: 2, teacherDigest: "teacher", tokenizerDigest: "none")
    let url = FileManager.default.temporaryDirectory.appending(path: "step-timer-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: url) }
    try recorder.record(into: TeacherCacheFolder(creating: url, recorder.description))
    // the mapping outlives the files' names
    return try TeacherCache(contentsOf: url)
  }

  /// The decoder of the subfolder `teacher`, frozen.
  func teacher(precision: ProductPrecision) throws -> FrozenDecoder {
    try FrozenDecoder(contentsOf: folder.appending(path: "teacher"), precision: precision, device: device)
  }

  /// The decoder of the subfolder `name`, to be trained.
  func trained(_ name: String, precision: ProductPrecision) throws -> TransformerDecoder {
    try TransformerDecoder(contentsOf: folder.appending(path: name), precision: precision, device: device)
  }
}
