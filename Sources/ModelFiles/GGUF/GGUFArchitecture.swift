public import GGUF
public import LanguageModels

/// A family that llama.cpp has, too: what the metadata of its GGUF files says, and where its weights lie in them. The
/// conformances stand beside the families' own files; docs/adding-an-architecture.md walks through one.
public protocol GGUFArchitecture: Architecture {
  /// `general.architecture`. Families that llama.cpp computes alike share one; a file is read as the first of them in
  /// `KnownArchitectures.all`.
  var nameInGGUF: String { get }
  /// Reads the metadata of a file. What a missing key means is cited beside each default. Throws `value` for what the
  /// family cannot be, or Limbeck cannot compute; whether the values fit together is checked after that.
  func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration
  /// The metadata of a file of this configuration, by keys without the architecture's name: what `configuration(from:)`
  /// reads as the same. By default what all families share.
  func metadataInGGUF(of configuration: DecoderConfiguration) -> [String: GGUFWrittenValue]
  /// What llama.cpp loads of the family besides its plain matrices and norms: it refuses files with a tensor too many.
  var tensorsInGGUF: GGUFFamilyTensors { get }
  /// Whether llama.cpp turns neighbouring channels of a head (`LLAMA_ROPE_TYPE_NORM` in `llama_model_rope_type`): then
  /// the rows of queries and keys are in that order. False by default.
  var turnsNeighboursInGGUF: Bool { get }
  /// Where a weight lies in a file: by default alone, under its name in `GGUFNames`.
  func locationInGGUF(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation
  /// What a file's values have on top of the weight's: 1 in the norms of Gemma, where a file has the gain itself.
  func offsetInGGUF(of role: WeightRole) -> Float
}

/// Tensors that the files of some families may have, and those of others not.
public struct GGUFFamilyTensors: Sendable {
  /// The matrices that may have biases; none by default.
  public var biases: Set<LayerMatrix> = []
  /// Whether frequencies of rotary embeddings may have factors, as in Llama 3; by default they may not.
  public var frequencyFactors = false
  /// Whether there may be LongRoPE's factors; by default there may not.
  public var longRopeFactors = false
  /// Whether the head may be a matrix of its own; by default it may.
  public var head = true
  /// Whether the head may be the embedding; by default it may.
  public var embeddingAsHead = true
}

extension GGUFArchitecture {
  public func metadataInGGUF(of configuration: DecoderConfiguration) -> [String: GGUFWrittenValue] {
    GGUFKeys.metadata(of: configuration)
  }

  public var tensorsInGGUF: GGUFFamilyTensors { GGUFFamilyTensors() }

  public var turnsNeighboursInGGUF: Bool { false }

  public func locationInGGUF(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    // the converter reorders the rows of what transformers turns otherwise: `LlamaModel.permute` in
    // conversion/llama.py
    TensorLocation(
      GGUFNames.name(of: role),
      rows: turnsNeighboursInGGUF ? LlamaNames.rows(of: role, withPairsIn: configuration) : nil)
  }

  public func offsetInGGUF(of role: WeightRole) -> Float { 0 }
}

extension KnownArchitectures {
  /// Those that llama.cpp has, too.
  public static var inGGUF: [any GGUFArchitecture] { all.compactMap { $0 as? any GGUFArchitecture } }
}
