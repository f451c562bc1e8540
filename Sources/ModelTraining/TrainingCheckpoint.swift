import Checkpoints
import Foundation
import LanguageModels
import TensorCore

/// `state.json`: how far a run has come.
///
/// The seed and the position are all there is of randomness: the order of the sequences follows from them.
struct TrainingState: Codable, Equatable {
  /// The format of this file.
  var version = 1
  /// Optimiser steps done.
  var step = 0
  /// Sequences read, over all epochs: the position in `SequenceOrder`.
  var sequencesRead = 0
  /// Updates of the weights: steps without those that had nothing to learn.
  var updates = 0
  /// Input tokens of all steps.
  var tokensSeen = 0
  /// Seconds spent so far.
  var seconds = 0.0
  /// The size of `metrics.jsonl` at this step.
  var metricsByteCount = 0
  var lastValidation: ValidationResult?
  var bestValidation: ValidationResult?
  /// What the run was begun with.
  var recipe: TrainingRecipe
  /// Digests of the texts by name.
  var texts: [String: String]
}

/// The folder `step-NNNNNNNN`: `state.json`, `optimizer.safetensors`, and the model as a folder that can be loaded.
enum TrainingCheckpoint {
  private static let stateName = "state.json"
  private static let optimizerName = "optimizer.safetensors"
  private static let firstMomentName = "first_moment"
  private static let secondMomentName = "second_moment"

  /// Whether every file is there. (Folders appear whole, but their removal can be interrupted.)
  static func isComplete(_ folder: URL) -> Bool {
    [stateName, optimizerName, "config.json", "model.safetensors"].allSatisfy {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
    }
  }

  /// Writes a checkpoint, which appears at `url` whole or not at all.
  static func write(
    _ state: TrainingState, model: Decoder, optimizer: AdamW, tokenizer: [UInt8]?, to url: URL
  ) throws(TrainingError) {
    let manager = FileManager.default
    try writing(url) {
      try manager.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      // what stands there is incomplete, or the run would have been continued from it
      if manager.fileExists(atPath: url.path) { try manager.removeItem(at: url) }
    }
    let data = try writing(url) { try RunJSON.data(state) }
    try wrapping { () throws(CheckpointError) in
      let folder = try AtomicFolder(creating: url)
      try model.write(to: folder.contents, tokenizer: tokenizer)
      let count = optimizer.parameters.count
      let writer = try SafetensorsWriter(
        replacing: folder.contents.appendingPathComponent(optimizerName),
        tensors: [(firstMomentName, [count]), (secondMomentName, [count])])
      for (name, moment) in [(firstMomentName, optimizer.firstMoment), (secondMomentName, optimizer.secondMoment)] {
        try moment.withSpan { (values) throws(CheckpointError) in try writer.append(values, to: name) }
      }
      try writer.commit()
      try AtomicFile.write(data, to: folder.contents.appendingPathComponent(stateName))
      try folder.commit()
    }
  }

  /// The state in a checkpoint.
  static func state(in url: URL) throws(TrainingError) -> TrainingState {
    try RunJSON.read(TrainingState.self, from: url.appendingPathComponent(stateName))
  }

  /// Puts a checkpoint's weights and moments into a model and its optimiser; views of the weights see the new ones.
  /// Throws `cannotResume` if it is another model's; what is wrong with its files, before the first weight changes.
  static func restore(
    _ model: Decoder, _ optimizer: AdamW, from url: URL, run: String
  ) throws(TrainingError) {
    let folder = try wrapping { () throws(CheckpointError) in try CheckpointFolder(contentsOf: url) }
    guard folder.configuration == model.configuration else {
      throw .cannotResume(
        folder: run, key: "a model of", begun: "\(folder.configuration)", now: "\(model.configuration)")
    }
    try wrapping { () throws(CheckpointError) in
      let parameters = model.parameters.parameters
      try folder.requireExactly(Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.shape) }))
      let moments = try SafetensorsFile(contentsOf: url.appendingPathComponent(optimizerName))
      // everything is checked before the first weight changes
      let count = model.parameters.count
      for name in [firstMomentName, secondMomentName] {
        let entry = try moments.entry(name)
        guard entry.shape == [count], entry.type == .float32 else {
          throw .wrongShape(file: moments.path, tensor: name, expected: [count], found: entry.shape)
        }
      }
      for parameter in parameters {
        try parameter.value.withMutableSpan { (values) throws(CheckpointError) in
          try folder.weights.read(parameter.name, into: &values)
        }
      }
      for (name, moment) in [(firstMomentName, optimizer.firstMoment), (secondMomentName, optimizer.secondMoment)] {
        try moment.withMutableSpan { (values) throws(CheckpointError) in try moments.read(name, into: &values) }
      }
    }
  }
}
