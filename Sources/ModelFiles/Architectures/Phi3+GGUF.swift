public import GGUF
public import LanguageModels

extension Phi3: GGUFArchitecture {
  public var nameInGGUF: String { "phi3" }

  /// Facts are those of `llama_model_phi3` (models/phi3.cpp of llama.cpp, 2026), but for the window, which is that of
  /// transformers: llama.cpp leaves it out and warns that results suffer (ggml-org/llama.cpp#13676).
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try GGUFKeys.configuration(from: file, family: family, turnsParts: true)
    let window = try file.window("attention.sliding_window", default: nil)
    configuration.setWindows(configuration.attention.map { _ in window })
    return configuration
  }

  public func metadataInGGUF(of configuration: DecoderConfiguration) -> [String: GGUFWrittenValue] {
    var values = GGUFKeys.metadata(of: configuration)
    values["attention.sliding_window"] = .size(configuration.attention.first?.window ?? 0)
    return values
  }

  public var tensorsInGGUF: GGUFFamilyTensors { GGUFFamilyTensors(longRopeFactors: true) }

  /// Queries, keys and values lie in `attn_qkv`, gate and up in `ffn_up`, in the order of its folders.
  public func locationInGGUF(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    guard case .layer(let layer, .matrix(let matrix)) = role else { return TensorLocation(GGUFNames.name(of: role)) }
    let rows = location(of: role, in: configuration).rows
    return switch matrix {
    case .query, .key, .value: TensorLocation("blk.\(layer).attn_qkv.weight", rows: rows)
    case .gate, .up: TensorLocation("blk.\(layer).ffn_up.weight", rows: rows)
    case .output, .down: TensorLocation(GGUFNames.name(of: role))
    }
  }
}
