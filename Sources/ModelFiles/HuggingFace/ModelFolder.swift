import DurableFiles
public import Foundation
public import LanguageModels
public import TensorCore

/// A Hugging Face folder of a model of a known family: config.json, model.safetensors or its shards with their index,
/// and, where it is there, generation_config.json.
public struct ModelFolder: Sendable {
  /// The folder.
  public let url: URL
  /// config.json, complete and checked.
  public let configuration: DecoderConfiguration
  /// generation_config.json, if there is one.
  public let generationConfiguration: HuggingFaceGenerationConfiguration?
  /// The tensors.
  public let weights: any WeightSource
  /// What says where each weight lies.
  private let architecture: any Architecture

  /// Opens the folder at `url`. Weights are mapped, not read. Throws `file` saying what to do, and whatever is
  /// wrong with one of the files.
  public init(contentsOf url: URL) throws(ModelFileError) {
    self.url = url
    guard somethingExists(at: url.path) else {
      throw .file(
        .missing(file: url.path, advice: "a folder with config.json and model.safetensors is expected"))
    }
    let configurationFile = url.appendingPathComponent("config.json")
    guard somethingExists(at: configurationFile.path) else {
      throw .file(
        .missing(file: configurationFile.path, advice: "\(url.path) is no Hugging Face model folder"))
    }
    configuration = try DecoderConfiguration(HuggingFaceConfiguration(contentsOf: configurationFile))
    architecture = try KnownArchitectures.of(configuration)
    let generationFile = url.appendingPathComponent("generation_config.json")
    generationConfiguration =
      somethingExists(at: generationFile.path)
      ? try HuggingFaceGenerationConfiguration(HuggingFaceConfiguration(contentsOf: generationFile)) : nil
    // transformers, too, takes the single file where both are there.
    let single = url.appendingPathComponent("model.safetensors")
    let index = url.appendingPathComponent("model.safetensors.index.json")
    if somethingExists(at: single.path) {
      weights = SafetensorsWeights(try SafetensorsFile(contentsOf: single))
    } else if somethingExists(at: index.path) {
      weights = try SafetensorsWeights(index: index)
    } else {
      throw .file(
        .missing(
          file: single.path,
          advice: "nor is there model.safetensors.index.json; save the model with safetensors "
            + "(in transformers: model.save_pretrained(folder))"))
    }
  }

  /// config.json.
  public var configurationFile: URL { url.appendingPathComponent("config.json") }

  /// Stands for the weights, in 64 hexadecimal digits. Reads all of them.
  public var digest: String {
    let files = weights.files.map { Digest.sha256(of: $0) }
    return files.count == 1 ? files[0] : Digest.sha256(of: Data(files.joined().utf8))
  }

  /// The size of the files that hold the weights, in bytes.
  public var weightBytes: Int { weights.files.reduce(0) { $0 + $1.count } }

  /// A weight as a parameter of a frozen decoder holds it. Throws `missingTensor`, `wrongShape` or `notWeights`.
  public func weight(_ role: WeightRole, expecting shape: [Int], on device: Device) throws(ModelFileError)
    -> WeightMatrix
  {
    let location = architecture.location(of: role, in: configuration)
    return try weights.weights(location.name, rows: location.rows, expecting: shape, on: device)
  }

  /// Converts a weight to float32. `destination` must have as many elements. Throws `missingTensor` or `notWeights`.
  public func read(_ role: WeightRole, into destination: inout MutableSpan<Float>) throws(ModelFileError) {
    let location = architecture.location(of: role, in: configuration)
    try weights.read(location.name, rows: location.rows, into: &destination)
  }

  /// Checks that the folder has exactly the weights called for, in their shapes. Throws `missingTensor`,
  /// `unexpectedTensor`, `wrongShape`, `notWeights` or `untiedTensors`.
  ///
  /// Two kinds of extra tensors are let pass, as in transformers:
  /// - `*.rotary_emb.inv_freq`, which old versions saved although it follows from the configuration
  ///   (`_adjust_missing_and_unexpected_keys` in modeling_utils.py ignores it);
  /// - the head of a model whose configuration ties it to the embedding, where it is that tensor's copy
  ///   (`tie_weights` there ties them only if they are equal, and warns otherwise).
  public func requireExactly(_ declared: [DeclaredWeight]) throws(ModelFileError) {
    let expected = StoredTensor.all(of: declared, in: configuration, architecture)
    for tensor in expected.sorted(by: { $0.name < $1.name }) {
      let found = try weights.tensor(named: tensor.name)
      guard found.shape == tensor.shape else {
        throw .wrongShape(file: found.file, tensor: tensor.name, expected: tensor.shape, found: found.shape)
      }
      guard found.isReadable else { throw .notWeights(file: found.file, tensor: tensor.name, found: found.type) }
    }
    let names = Set(expected.map(\.name))
    let (head, embedding) = (name(of: .head), name(of: .embedding))
    for name in weights.names where !names.contains(name) && !name.hasSuffix("rotary_emb.inv_freq") {
      let file = try weights.tensor(named: name).file
      guard name == head, configuration.tiesEmbeddings, names.contains(embedding) else {
        throw .unexpectedTensor(file: file, tensor: name)
      }
      guard try weights.areIdentical(name, embedding) else {
        throw .untiedTensors(file: file, first: name, second: embedding)
      }
    }
  }

  private func name(of role: WeightRole) -> String { architecture.location(of: role, in: configuration).name }
}
