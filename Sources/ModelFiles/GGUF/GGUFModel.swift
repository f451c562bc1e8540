import Diagnostics
import DurableFiles
public import Foundation
public import GGUF
public import LanguageModels
public import TensorCore

/// A model in a GGUF file, as llama.cpp writes them: weights, quantised or not, configuration and tokenizer in one. Of
/// a frozen decoder, quantised weights stay as they are where they are mapped.
public struct GGUFModel: StoredModel {
  public let url: URL
  /// The file: metadata and tensors.
  public let file: GGUFFile
  public let configuration: DecoderConfiguration
  public let weights: any WeightSource
  public let warnings: [String]
  let architecture: any GGUFArchitecture

  /// Opens the file at `url`. Throws `file` and `value` for what is damaged, and for what is no model that can be read:
  /// an unknown architecture, a part of a split model, an adapter.
  public init(contentsOf url: URL) throws(ModelFileError) {
    self.url = url
    file = try ModelFileError.wrapping { () throws(GGUFError) in try GGUFFile(contentsOf: url) }
    try Self.requireModel(file)
    architecture = try Self.architecture(of: file)
    let metadata = GGUFConfiguration(file: file, architecture: architecture.nameInGGUF)
    let configuration = try architecture.configuration(from: metadata)
    do throws(InvalidValue) { try configuration.check(place: file.path) } catch {
      let key = GGUFKeys.names[error.key].map(metadata.key) ?? error.key
      throw .value(
        InvalidValue(error.place, key, expected: error.expected, found: error.found, advice: error.advice))
    }
    self.configuration = configuration
    weights = GGUFWeights(file)
    warnings = GGUFKeys.strayTokens(of: metadata, vocabularySize: configuration.vocabularySize).map(\.description)
  }

  public var configurationFile: URL { url }

  /// Checks that the file is a whole model. Throws `value`.
  private static func requireModel(_ file: GGUFFile) throws(ModelFileError) {
    let metadata = file.metadata
    let type = try ModelFileError.wrapping { () throws(GGUFError) in try metadata.string("general.type") }
    guard type ?? "model" == "model" else {
      let advice =
        switch type {
        case "adapter": "merge the adapter into its model first, and convert that"
        case "mmproj": "it has the part of a model that sees or hears; give the file with the language model"
        default: "give the file of a model"
        }
      throw .value(metadata.invalid("general.type", expected: "\"model\"", advice: advice))
    }
    let parts = try ModelFileError.wrapping { () throws(GGUFError) in
      try metadata.integer("split.count", in: 0...Int(UInt16.max))
    }
    guard parts ?? 0 <= 1 else {
      throw .value(
        metadata.invalid(
          "split.count", expected: "one file", advice: "join the parts first: llama-gguf-split --merge FIRST OUTPUT"))
    }
    guard !file.tensors.isEmpty else {
      throw .value(
        InvalidValue(file.path, "tensors", expected: "weights", found: "none", advice: "it is a vocabulary alone"))
    }
  }

  /// The family of a file. Throws `value`, naming the known ones.
  private static func architecture(of file: GGUFFile) throws(ModelFileError) -> any GGUFArchitecture {
    let key = "general.architecture"
    let name = try ModelFileError.wrapping { () throws(GGUFError) in try file.metadata.string(key) }
    guard let architecture = KnownArchitectures.inGGUF.first(where: { $0.nameInGGUF == name }) else {
      var names: [String] = []
      for name in KnownArchitectures.inGGUF.map(\.nameInGGUF) where !names.contains(name) { names.append(name) }
      throw .value(
        file.metadata.invalid(key, expected: "one of " + names.map { "\"\($0)\"" }.joined(separator: ", ")))
    }
    return architecture
  }

  /// The names of the tensors that have a row for each token: of the embedding, and of the head where it is there.
  var vocabularyTensors: Set<String> {
    Set([.embedding, .head].map { location(of: $0).name }.filter { file[$0] != nil })
  }

  private func location(of role: WeightRole) -> TensorLocation {
    architecture.locationInGGUF(of: role, in: configuration)
  }

  public func weight(
    _ role: WeightRole, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> WeightMatrix {
    let location = location(of: role)
    let offset = architecture.offsetInGGUF(of: role)
    let stored = try weights.weights(location.name, rows: location.rows, expecting: shape, on: device)
    guard offset != 0 else { return stored }
    let tensor = stored.dense(on: device)
    let difference = Tensor.zeros(shape, on: device)
    difference.withMutableSpan { values in
      tensor.withSpan { stored in
        for index in stored.indices { values[index] = stored[index] - offset }
      }
    }
    return .dense(difference.constant)
  }

  public func read(_ role: WeightRole, into destination: inout MutableSpan<Float>) throws(ModelFileError) {
    let location = location(of: role)
    try weights.read(location.name, rows: location.rows, into: &destination)
    let offset = architecture.offsetInGGUF(of: role)
    guard offset != 0 else { return }
    for index in destination.indices { destination[index] -= offset }
  }

  /// Checks that the file has the weights called for, in their shapes, and no others but the factors of rotary
  /// embeddings, which are part of the configuration. See the requirement.
  public func requireExactly(_ declared: [DeclaredWeight]) throws(ModelFileError) {
    try requirePlausibleSizes(of: declared)
    let expected = StoredTensor.all(of: declared, at: location(of:))
    for tensor in expected.sorted(by: { $0.name < $1.name }) {
      let found = try weights.tensor(named: tensor.name)
      guard found.shape == tensor.shape else {
        throw .wrongShape(file: found.file, tensor: tensor.name, expected: tensor.shape, found: found.shape)
      }
      guard found.isReadable else {
        throw .notWeights(
          file: found.file, tensor: tensor.name, found: found.type, readable: GGUFTensorType.readableNames)
      }
    }
    let known = Set(
      expected.map(\.name) + [GGUFNames.frequencyFactors, GGUFNames.shortFactors, GGUFNames.longFactors])
    for name in weights.names where !known.contains(name) {
      throw .unexpectedTensor(file: file.path, tensor: name)
    }
  }
}
