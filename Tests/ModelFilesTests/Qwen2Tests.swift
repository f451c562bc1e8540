import Diagnostics
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

@Suite struct Qwen2Tests {
  /// Reads the least that is accepted, with `changes`.
  static func read(_ changes: [String: String]) throws(ModelFileError) -> DecoderConfiguration {
    var members = LlamaConfigurationTests.minimal
    members["model_type"] = "\"qwen2\""
    members["num_attention_heads"] = "32"
    for (key, value) in changes { members[key] = value }
    let text = "{" + members.map { "\"\($0)\": \($1)" }.joined(separator: ",") + "}"
    return try DecoderConfiguration(HuggingFaceConfiguration(Data(text.utf8), file: "config.json"))
  }

  /// The defaults of transformers' `Qwen2Config` (configuration_qwen2.py, transformers 5.24), each with its key absent.
  @Test func defaultsAreTransformers() throws {
    #expect(
      try Self.read([:])
        == DecoderConfiguration(
          family: "qwen2", vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 32,
          contextLength: 32_768, biases: [.query, .key, .value], bosTokenID: nil, eosTokenIDs: []))
  }

  @Test func windowsMustCoverTheContext() throws {
    let slides = ["use_sliding_window": "true", "max_window_layers": "4"]
    for changes in [
      ["sliding_window": "32768"], ["sliding_window": "null"], ["max_window_layers": "5"],
      ["use_sliding_window": "false"], ["max_position_embeddings": "4096"],
      ["layer_types": #"["full_attention","full_attention"]"#],
    ] {
      #expect(throws: Never.self) { try Self.read(slides.merging(changes) { $1 }) }
    }
    for changes in [
      [:], ["sliding_window": "32767"],
      ["max_window_layers": "28", "layer_types": #"["full_attention","sliding_attention"]"#],
    ] {
      let error = #expect(throws: ModelFileError.self) { try Self.read(slides.merging(changes) { $1 }) }
      guard case .value(let value) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(value.key == "use_sliding_window" && value.found == "true")
    }
    #expect(throws: ModelFileError.self) { try Self.read(["layer_types": "[1]"]) }
  }

  @Test func whatIsWrittenIsReadBack() throws {
    var configuration = try Self.read(["head_dim": "4", "eos_token_id": "[7, 8]"])
    let json = try configuration.huggingFaceJSON(weightType: .float32)
    #expect(try DecoderConfiguration(HuggingFaceConfiguration(json, file: "config.json")) == configuration)
    #expect(String(decoding: json, as: UTF8.self).contains("\"Qwen2ForCausalLM\""))
    // its config.json has no key for biases
    configuration.biases = []
    #expect(throws: ModelFileError.self) { try configuration.huggingFaceJSON(weightType: .float32) }
  }
}
