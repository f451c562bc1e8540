import Checkpoints
import Foundation
import LanguageModels
import ModelTraining

/// What `pytorch_step.py --write` saved: both models before the first step, and the batch of every step.
struct ReferenceInputs {
  let teacher: Decoder
  let student: Decoder
  let batch: TokenBatch

  private struct SavedBatch: Decodable {
    let ids: [[Int32]]
  }

  init(contentsOf folder: URL) throws {
    teacher = try Decoder(contentsOf: folder.appending(path: "teacher"))
    student = try Decoder(contentsOf: folder.appending(path: "student"), trainable: true)
    let data = try Data(contentsOf: folder.appending(path: "batch.json"))
    let sequences = try JSONDecoder().decode(SavedBatch.self, from: data).ids
    // the last token of a sequence has no successor and is not counted
    batch = TokenBatch(
      ids: sequences.flatMap(\.self), targets: sequences.flatMap { $0.dropFirst() + [-1] },
      batchSize: sequences.count)
  }
}
