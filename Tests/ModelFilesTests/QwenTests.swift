import Diagnostics
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

@Suite struct QwenTests {
  /// The defaults of transformers' `Qwen2Config` (configuration_qwen2.py, transformers 5.24), each with its key absent.
  @Test func defaultsOfQwen2AreTransformers() throws {
    #expect(
      try readConfiguration("qwen2", ["num_attention_heads": "32"])
        == DecoderConfiguration(
          family: "qwen2", vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 32,
          contextLength: 32_768, biases: [.query, .key, .value], bosTokenID: nil, eosTokenIDs: []))
  }

  /// The defaults of transformers' `Qwen3Config` (configuration_qwen3.py, transformers 5.24), each with its key absent.
  @Test func defaultsOfQwen3AreTransformers() throws {
    var expected = DecoderConfiguration(
      family: "qwen3", vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 32,
      headSize: 128, contextLength: 32_768, bosTokenID: nil, eosTokenIDs: [])
    expected.normalizesQueriesAndKeys = true
    #expect(try readConfiguration("qwen3", ["num_attention_heads": "32"]) == expected)
    expected.biases = Set.attention
    #expect(try readConfiguration("qwen3", ["num_attention_heads": "32", "attention_bias": "true"]) == expected)
    #expect(refusal("qwen3", ["num_attention_heads": "32", "head_dim": "null"])?.key == "head_dim")
  }

  static let (full, sliding) = ("\"full_attention\"", "\"sliding_attention\"")

  /// As `Qwen2Config.__post_init__` gives them.
  @Test(
    arguments: ["qwen2", "qwen3"],
    [
      ([:], [nil, nil, nil, nil, nil]),
      (["use_sliding_window": "true"], [nil, nil, nil, nil, nil]),
      (["use_sliding_window": "true", "max_window_layers": "3"], [nil, nil, nil, 4096, 4096]),
      (["use_sliding_window": "true", "max_window_layers": "0", "sliding_window": "7"], [7, 7, 7, 7, 7]),
      (["use_sliding_window": "true", "max_window_layers": "0", "sliding_window": "null"], [nil, nil, nil, nil, nil]),
      (["max_window_layers": "0", "sliding_window": "7"], [nil, nil, nil, nil, nil]),
      (
        [
          "use_sliding_window": "true", "max_window_layers": "0", "sliding_window": "7",
          "layer_types": "[\(full),\(sliding),\(full),\(full),\(sliding)]",
        ], [nil, 7, nil, nil, 7]
      ),
      (["layer_types": "[\(full),\(full),\(full),\(full),\(full)]"], [nil, nil, nil, nil, nil]),
    ] as [([String: String], [Int?])])
  func windowsAreThoseOfTransformers(family: String, file: (changes: [String: String], windows: [Int?])) throws {
    let heads = ["num_attention_heads": "32"]
    let configuration = try readConfiguration(family, file.changes.merging(heads) { own, _ in own })
    #expect(configuration.attention.map(\.window) == file.windows)
    #expect(try readBack(configuration) == configuration)
  }

  @Test(
    arguments: ["qwen2", "qwen3"],
    [
      (["layer_types": "[\(full),\(full)]"], "layer_types"),
      (["layer_types": "[\(full),\(full),\(full),\(full),\(full),\(full)]"], "layer_types"),
      (["layer_types": "[\(full),\(full),\(full),\(full),\"linear_attention\"]"], "layer_types"),
      (["layer_types": "[1]"], "layer_types"),
      (["layer_types": "[\(full),\(full),\(full),\(full),\(sliding)]"], "use_sliding_window"),
      (
        [
          "layer_types": "[\(full),\(full),\(full),\(full),\(sliding)]", "use_sliding_window": "true",
          "sliding_window": "null",
        ], "sliding_window"
      ),
      (["use_sliding_window": "true", "sliding_window": "0"], "sliding_window"),
      (["sliding_window": "-1"], "sliding_window"),
      (["max_window_layers": "-1"], "max_window_layers"),
      (["use_sliding_window": "1"], "use_sliding_window"),
    ] as [([String: String], String)])
  func windowsMustMakeSense(family: String, file: (changes: [String: String], key: String)) throws {
    let heads = ["num_attention_heads": "32"]
    #expect(refusal(family, file.changes.merging(heads) { own, _ in own })?.key == file.key)
  }

  @Test func whatIsWrittenIsReadBack() throws {
    var configuration = try readConfiguration(
      "qwen2", ["num_attention_heads": "32", "head_dim": "4", "eos_token_id": "[7, 8]"])
    #expect(try readBack(configuration) == configuration)
    let json = try configuration.huggingFaceJSON(weightType: .float32)
    #expect(String(decoding: json, as: UTF8.self).contains("\"Qwen2ForCausalLM\""))
    // its config.json has no key for biases
    configuration.biases = []
    #expect(throws: ModelFileError.self) { try configuration.huggingFaceJSON(weightType: .float32) }
  }
}
