import Checkpoints
import Foundation
import LanguageModels
import ModelTraining
import ProgramSupport
import TensorCore

/// What `pytorch_step.py --write` or `RandomInputs` saved: both models before the first step, and the batch of every step.
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

  /// The decoder of the subfolder `name`.
  func decoder(_ name: String, trainable: Bool, precision: ProductPrecision) throws -> Decoder {
    try Decoder(
      contentsOf: folder.appending(path: name), trainable: trainable, precision: precision, device: device)
  }
}
