import DurableFiles
public import Foundation
public import LanguageModels

/// A Hugging Face folder of a Llama model: config.json, model.safetensors or its shards with their index, and, where
/// it is there, generation_config.json.
public struct ModelFolder: Sendable {
  /// The folder.
  public let url: URL
  /// config.json, complete and checked.
  public let configuration: DecoderConfiguration
  /// generation_config.json, if there is one.
  public let generationConfiguration: HuggingFaceGenerationConfiguration?
  /// The tensors.
  public let weights: SafetensorsWeights

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

  /// Checks that the checkpoint has exactly the tensors called for, in their shapes. Throws `missingTensor`,
  /// `unexpectedTensor`, `wrongShape`, `notWeights` or `untiedTensors`.
  ///
  /// Two kinds of extra tensors are let pass, as in transformers:
  /// - `*.rotary_emb.inv_freq`, which old versions saved although it follows from the configuration
  ///   (`_adjust_missing_and_unexpected_keys` in modeling_utils.py ignores it);
  /// - `lm_head.weight` of a model whose configuration ties it to the embedding, where it is that tensor's copy
  ///   (`tie_weights` there ties them only if they are equal, and warns otherwise).
  public func requireExactly(_ shapes: [String: [Int]]) throws(ModelFileError) {
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
      let file = try weights.file(of: name)
      let entry = try file.entry(name)
      guard entry.shape == shape else {
        throw .wrongShape(file: file.path, tensor: name, expected: shape, found: entry.shape)
      }
      _ = try file.weightType(of: entry)
    }
    for name in weights.names where shapes[name] == nil && !name.hasSuffix("rotary_emb.inv_freq") {
      let embedding = "model.embed_tokens.weight"
      let file = try weights.file(of: name)
      guard name == "lm_head.weight", configuration.tiesEmbeddings, shapes[embedding] != nil else {
        throw .unexpectedTensor(file: file.path, tensor: name)
      }
      guard try weights.areIdentical(name, embedding) else {
        throw .untiedTensors(file: file.path, first: name, second: embedding)
      }
    }
  }
}
