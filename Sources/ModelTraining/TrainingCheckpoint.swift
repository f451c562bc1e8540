import DurableFiles
import Foundation
import LanguageModels
import ModelFiles
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
  /// Those of them that the run read which this one goes on with; nil for a run of its own.
  var sequencesBefore: Int?
  /// The steps of that run and of those before it; nil for a run of its own.
  var stepsBefore: Int?
  /// Updates of the weights.
  var updates = 0
  /// Input tokens of all steps.
  var tokensSeen = 0
  /// Seconds spent so far.
  var seconds = 0.0
  /// The size of `metrics.jsonl` at this step.
  var metricsByteCount = 0
  /// The first and the last step, of those that learnt from the text where there are some.
  var firstStep: StepLoss?
  var lastStep: StepLoss?
  var lastValidation: ValidationResult?
  var bestValidation: ValidationResult?
  /// What the run was begun with.
  var recipe: TrainingRecipe
  /// Digests of the texts by name, and how the text to learn is cut.
  var texts: [String: String]

  /// Takes note of a step's losses. Those of steps on samples differ with the samples: losses on the text, where there
  /// are some, tell more.
  mutating func record(_ found: StepLoss) {
    if firstStep == nil || firstStep?.isOnPolicy == true && !found.isOnPolicy { firstStep = found }
    if lastStep?.isOnPolicy != false || !found.isOnPolicy { lastStep = found }
  }
}

/// The folder `step-NNNNNNNN`: `state.json`, `optimizer.safetensors`, the model, or its adapters where these are
/// trained, as a folder that can be loaded; where the objective has weights of its own, `objective.safetensors` with
/// these and their moments; where the weights are averaged, `average.safetensors`.
enum TrainingCheckpoint {
  private static let stateName = "state.json"
  private static let optimizerName = "optimizer.safetensors"
  private static let objectiveName = "objective.safetensors"
  private static let averageName = "average.safetensors"
  private static let valuesName = "values"
  private static let firstMomentName = "first_moment"
  private static let secondMomentName = "second_moment"

  /// Whether every file is there. (Folders appear whole, but their removal can be interrupted.)
  static func isComplete(_ folder: URL) -> Bool {
    func has(_ names: [String]) -> Bool {
      names.allSatisfy { FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path) }
    }
    return has([stateName, optimizerName])
      && (has(["config.json", "model.safetensors"]) || has(["adapter_config.json", "adapter_model.safetensors"]))
  }

  /// Writes a checkpoint, which appears at `url` whole or not at all.
  static func write(
    _ state: TrainingState, model: TransformerDecoder, optimizer: AdamW, objectiveOptimizer: AdamW?,
    average: WeightAverage?, modelFiles: [NamedFile], to url: URL
  ) throws(TrainingError) {
    let manager = FileManager.default
    try writing(url) {
      try manager.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      // what stands there is incomplete, or the run would have been continued from it
      if manager.fileExists(atPath: url.path) { try manager.removeItem(at: url) }
    }
    let data = try writing(url) { try RunJSON.data(state) }
    let folder = try wrappingFile { () throws(FileError) in try AtomicFolder(creating: url) }
    try wrapping { () throws(ModelFileError) in
      try model.writeTrained(to: folder.contents, with: modelFiles)
      try write(moments(of: optimizer), to: folder.contents.appendingPathComponent(optimizerName))
      if let objectiveOptimizer {
        try write(
          valuesAndMoments(of: objectiveOptimizer), to: folder.contents.appendingPathComponent(objectiveName))
      }
      if let average {
        try write([(valuesName, average.values)], to: folder.contents.appendingPathComponent(averageName))
      }
    }
    try wrappingFile { () throws(FileError) in
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
    _ model: TransformerDecoder, _ optimizer: AdamW, _ objectiveOptimizer: AdamW?, _ average: WeightAverage?,
    from url: URL, run: String
  ) throws(TrainingError) {
    let restoreWeights = try opened(model, at: url, run: run)
    try wrapping { () throws(ModelFileError) in
      // everything is checked before the first weight changes
      var files = [
        try checked(url.appendingPathComponent(optimizerName), moments(of: optimizer))
      ]
      if let objectiveOptimizer {
        files.append(try checked(url.appendingPathComponent(objectiveName), valuesAndMoments(of: objectiveOptimizer)))
      }
      if let average {
        files.append(try checked(url.appendingPathComponent(averageName), [(valuesName, average.values)]))
      }
      try restoreWeights()
      for (file, tensors) in files {
        for (name, tensor) in tensors {
          try tensor.withMutableSpan { (values) throws(ModelFileError) in try file.read(name, into: &values) }
        }
      }
    }
  }

  /// Opens what a checkpoint has of a model, and checks that it is this one's: what is returned puts it into the model.
  private static func opened(
    _ model: TransformerDecoder, at url: URL, run: String
  ) throws(TrainingError) -> () throws(ModelFileError) -> Void {
    func require<Value: Equatable>(_ key: String, _ begun: Value, _ now: Value) throws(TrainingError) {
      if begun != now { throw .cannotResume(folder: run, key: key, begun: "\(begun)", now: "\(now)") }
    }
    if let adapters = model.adapters {
      let stored = try wrapping { () throws(ModelFileError) in
        try AdapterFolder(contentsOf: url, of: model.configuration)
      }
      try require("adapters", stored.configuration, adapters.configuration)
      return { () throws(ModelFileError) in try stored.restore(adapters) }
    }
    let stored = try wrapping { () throws(ModelFileError) in try openModel(at: url) }
    try require("a model of", stored.configuration, model.configuration)
    try wrapping { () throws(ModelFileError) in try stored.requireExactly(model.configuration.weights) }
    return { () throws(ModelFileError) in
      for weight in model.weights {
        try weight.parameter.value.withMutableSpan { (values) throws(ModelFileError) in
          try stored.read(weight.role, into: &values)
        }
      }
    }
  }

  /// Puts the moments of another run's checkpoint into the optimisers of a new one and, where both have an objective
  /// with weights of its own, these too. Throws what is wrong with the files, before the first value changes.
  static func restoreOptimizers(
    _ optimizer: AdamW, _ objectiveOptimizer: AdamW?, from url: URL, _ state: TrainingState
  ) throws(TrainingError) {
    try wrapping { () throws(ModelFileError) in
      var files = [try checked(url.appendingPathComponent(optimizerName), moments(of: optimizer))]
      let own = url.appendingPathComponent(objectiveName)
      let objective = FileManager.default.fileExists(atPath: own.path) ? objectiveOptimizer : nil
      if let objective { files.append(try checked(own, valuesAndMoments(of: objective))) }
      for (file, tensors) in files {
        for (name, tensor) in tensors {
          try tensor.withMutableSpan { (values) throws(ModelFileError) in try file.read(name, into: &values) }
        }
      }
      optimizer.updates = state.updates
      objective?.updates = state.updates
    }
  }

  /// What is kept of an optimiser.
  private static func moments(of optimizer: AdamW) -> [(name: String, tensor: Tensor)] {
    [(firstMomentName, optimizer.firstMoment), (secondMomentName, optimizer.secondMoment)]
  }

  /// What is kept of weights that no model folder has, as one arena each.
  private static func valuesAndMoments(of optimizer: AdamW) -> [(name: String, tensor: Tensor)] {
    (optimizer.parameters.values.map { [(valuesName, $0)] } ?? []) + moments(of: optimizer)
  }

  private static func write(_ tensors: [(name: String, tensor: Tensor)], to file: URL) throws(ModelFileError) {
    let writer = try SafetensorsWriter(replacing: file, tensors: tensors.map { ($0.name, $0.tensor.shape) })
    for (name, tensor) in tensors {
      try tensor.withSpan { (values) throws(ModelFileError) in try writer.append(values, to: name) }
    }
    try writer.commit()
  }

  /// A file that has the given tensors, in their shapes.
  private static func checked(
    _ url: URL, _ tensors: [(name: String, tensor: Tensor)]
  ) throws(ModelFileError) -> (file: SafetensorsFile, tensors: [(name: String, tensor: Tensor)]) {
    let file = try SafetensorsFile(contentsOf: url)
    for (name, tensor) in tensors {
      let entry = try file.entry(name)
      guard entry.shape == tensor.shape, entry.type == .float32 else {
        throw .wrongShape(file: file.path, tensor: name, expected: tensor.shape, found: entry.shape)
      }
    }
    return (file, tensors)
  }
}
