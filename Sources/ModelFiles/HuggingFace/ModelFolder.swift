import Diagnostics
import DurableFiles
public import Foundation
public import LanguageModels
public import TensorCore

/// A Hugging Face folder of a model of a known family: config.json, model.safetensors or its shards with their index,
/// and, where it is there, generation_config.json.
public struct ModelFolder: StoredModel {
  /// The folder.
  public let url: URL
  /// config.json, complete and checked; the tokens of generation_config.json that end a text are among its own.
  public let configuration: DecoderConfiguration
  /// The tensors.
  public let weights: any WeightSource
  /// What was passed over in config.json and generation_config.json, one sentence each.
  private let passedOver: [String]
  /// What says where each weight lies.
  private let architecture: any Architecture
  /// What the tensors are called in the files.
  private let names: StoredNames

  /// Opens the folder at `url`. Weights are mapped, not read. Throws `file` saying what to do, and whatever is
  /// wrong with one of the files.
  public init(contentsOf url: URL) throws(ModelFileError) {
    self.url = url
    try FolderContents.requireModel(at: url)
    let file = try HuggingFaceConfiguration(contentsOf: url.appendingPathComponent("config.json"))
    var configuration = try DecoderConfiguration(file)
    var passedOver = configuration.remarks(on: file).map(\.description)
    let generationFile = url.appendingPathComponent("generation_config.json")
    if somethingExists(at: generationFile.path) {
      // transformers loads the model whatever is in there
      do throws(ModelFileError) {
        let file = try HuggingFaceConfiguration(contentsOf: generationFile)
        let generation = HuggingFaceGenerationConfiguration(file)
        passedOver += generation.passedOver + configuration.strayIDs(in: file).map(\.description)
        configuration.eosTokenIDs += generation.eosTokenIDs.filter {
          $0 < configuration.vocabularySize && !configuration.eosTokenIDs.contains($0)
        }
      } catch {
        passedOver.append("\(error); passed over")
      }
    }
    self.passedOver = passedOver
    self.configuration = configuration
    architecture = try KnownArchitectures.of(configuration)
    weights = try FolderContents.weights(in: url)
    names = StoredNames(of: configuration, architecture, in: weights)
  }

  /// config.json.
  public var configurationFile: URL { url.appendingPathComponent("config.json") }

  /// What the user should know of the folder though the model can be used: one sentence each, such as about special ids
  /// beyond the vocabulary, and tensors that are no part of the model.
  public var warnings: [String] {
    let ignored = names.ignored(weights.names, layers: configuration.layerCount)
    guard let first = ignored.first else { return passedOver }
    let others = ignored.count > 1 ? " and \(counted(ignored.count - 1, "other"))" : ""
    return passedOver + [
      "\(weights.path): tensor \(first)\(others): ignored, for they are no part of the language model"
    ]
  }

  public func weight(_ role: WeightRole, expecting shape: [Int], on device: Device) throws(ModelFileError)
    -> WeightMatrix
  {
    let location = architecture.location(of: role, in: configuration)
    return try weights.weights(names.stored(location.name), rows: location.rows, expecting: shape, on: device)
  }

  public func read(_ role: WeightRole, into destination: inout MutableSpan<Float>) throws(ModelFileError) {
    let location = architecture.location(of: role, in: configuration)
    try weights.read(names.stored(location.name), rows: location.rows, into: &destination)
  }

  /// Checks that the folder has the weights called for, in their shapes, and none that would change what is computed.
  /// Throws `missingTensor`, `unexpectedTensor`, `wrongShape`, `notWeights` or `untiedTensors`.
  ///
  /// These extra tensors are let pass, as in transformers:
  /// - buffers of rotary embeddings, which old versions saved although they follow from the configuration
  ///   (`_adjust_missing_and_unexpected_keys` in modeling_utils.py ignores `rotary_emb.inv_freq`);
  /// - the head of a model whose configuration ties it to the embedding, where it is that tensor's copy
  ///   (`tie_weights` there ties them only if they are equal, and warns otherwise);
  /// - what is no part of the language model, such as another head, and layers beyond the number that config.json says,
  ///   of which `warnings` tells.
  public func requireExactly(_ declared: [DeclaredWeight]) throws(ModelFileError) {
    try requirePlausibleSizes(of: declared)
    let expected = StoredTensor.all(of: declared) { architecture.location(of: $0, in: configuration) }
    let present = Set(weights.names)
    for tensor in expected.sorted(by: { $0.name < $1.name }) {
      let name = names.stored(tensor.name)
      guard present.contains(name) else {
        throw .missingTensor(file: weights.path, tensor: tensor.name, advice: advice(onMissing: tensor.name))
      }
      let found = try weights.tensor(named: name)
      guard found.shape == tensor.shape else {
        throw .wrongShape(file: found.file, tensor: name, expected: tensor.shape, found: found.shape)
      }
      guard found.isReadable else { throw .notWeights(file: found.file, tensor: name, found: found.type) }
    }
    let known = Set(expected.map { names.stored($0.name) })
    let head = names.stored(name(of: .head))
    let embedding = names.stored(name(of: .embedding))
    let ignored = Set(names.ignored(weights.names, layers: configuration.layerCount))
    for name in weights.names where !known.contains(name) && !StoredNames.isBuffer(name) && !ignored.contains(name) {
      let file = try weights.tensor(named: name).file
      guard name == head, configuration.tiesEmbeddings, known.contains(embedding) else {
        let advice = name.hasSuffix(".bias") ? "if it belongs to it, config.json must say that there are biases" : nil
        throw .unexpectedTensor(file: file, tensor: name, advice: advice)
      }
      guard try weights.areIdentical(name, embedding) else {
        throw .untiedTensors(file: file, first: name, second: embedding)
      }
    }
  }

  /// The names of the tensors that have a row for each token: of the embedding, and of the head where it is there.
  var vocabularyTensors: Set<String> {
    let present = Set(weights.names)
    return Set([.embedding, .head].map { names.stored(name(of: $0)) }.filter(present.contains))
  }

  private func name(of role: WeightRole) -> String { architecture.location(of: role, in: configuration).name }

  /// What to do about a tensor that is not there.
  private func advice(onMissing name: String) -> String? {
    if name == self.name(of: .head) {
      return "if the head is tied to the embedding, set tie_word_embeddings to true in config.json"
    }
    if let other = weights.names.first(where: { $0.hasSuffix(".\(name)") }) {
      return "the file calls it \(other); take the prefix off all names"
    }
    return weights.names.isEmpty ? "the file has no tensors at all" : nil
  }
}
