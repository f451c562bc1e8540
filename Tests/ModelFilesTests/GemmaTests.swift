import Diagnostics
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

@Suite struct GemmaTests {
  static let heads = ["num_attention_heads": "16"]

  static func read(_ family: String, _ changes: [String: String] = [:]) throws -> DecoderConfiguration {
    try readConfiguration(family, changes.merging(heads) { own, _ in own })
  }

  static func expected(_ family: String, keyValueHeads: Int, context: Int) -> DecoderConfiguration {
    var configuration = DecoderConfiguration(
      family: family, vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 16,
      keyValueHeadCount: keyValueHeads, headSize: 256, contextLength: context, tiesEmbeddings: true, bosTokenID: 2,
      eosTokenIDs: [1], padTokenID: 0)
    configuration.normOffset = 1
    configuration.embeddingScale = .rootOfHiddenSize
    configuration.activation = .geluTanh
    return configuration
  }

  /// The defaults of transformers' `GemmaConfig` (configuration_gemma.py, transformers 5.24), each with its key absent.
  @Test func defaultsOfGemmaAreTransformers() throws {
    var expected = Self.expected("gemma", keyValueHeads: 16, context: 8192)
    #expect(try Self.read("gemma") == expected)
    expected.biases = Set.attention
    #expect(try Self.read("gemma", ["attention_bias": "true"]) == expected)
  }

  /// The defaults of transformers' `Gemma2Config` (configuration_gemma2.py, transformers 5.24), each with its key
  /// absent.
  @Test func defaultsOfGemma2AreTransformers() throws {
    var expected = Self.expected("gemma2", keyValueHeads: 4, context: 8192)
    expected.hasPostNorms = true
    (expected.attentionScale, expected.attentionCap, expected.logitCap) = (1 / 16, 50, 30)
    expected.setWindows([4096, nil, 4096, nil, 4096])
    #expect(try Self.read("gemma2") == expected)
  }

  /// The defaults of transformers' `Gemma3TextConfig` (configuration_gemma3.py, transformers 5.24), each with its key
  /// absent.
  @Test func defaultsOfGemma3AreTransformers() throws {
    var expected = Self.expected("gemma3_text", keyValueHeads: 4, context: 131_072)
    (expected.hasPostNorms, expected.normalizesQueriesAndKeys, expected.attentionScale) = (true, true, 1 / 16)
    let local = LayerAttention(window: 4096, rotary: RotaryPositions(base: 10_000))
    let global = LayerAttention(rotary: RotaryPositions(base: 1_000_000))
    expected.attention = [local, local, local, local, local]
    #expect(try Self.read("gemma3_text") == expected)
    expected.attention = [local, local, local, local, local, global, local]
    #expect(try Self.read("gemma3_text", ["num_hidden_layers": "7"]) == expected)
  }

  @Test func geluMeansItsApproximationInGemmaAlone() throws {
    for changes in [
      ["hidden_act": "\"gelu\""], ["hidden_act": "\"gelu_pytorch_tanh\"", "hidden_activation": "null"],
      ["hidden_act": "\"gelu\"", "hidden_activation": "\"gelu_pytorch_tanh\""],
    ] {
      #expect(try Self.read("gemma", changes).activation == .geluTanh)
    }
    let silu = try Self.read("gemma", ["hidden_act": "\"silu\"", "hidden_activation": "\"silu\""])
    #expect(try silu.activation == .silu && readBack(silu) == silu)
    #expect(
      refusal("gemma", ["hidden_activation": "\"silu\"", "num_key_value_heads": "8"])?.key == "hidden_activation")
    for family in ["gemma2", "gemma3_text"] {
      #expect(refusal(family, ["hidden_activation": "\"gelu\""])?.key == "hidden_activation")
      // not read, as in transformers
      #expect(try Self.read(family, ["hidden_act": "\"gelu\""]).activation == .geluTanh)
    }
  }

  @Test func scalesAndCapsAreRead() throws {
    for family in ["gemma2", "gemma3_text"] {
      let configuration = try Self.read(
        family, ["query_pre_attn_scalar": "168", "final_logit_softcapping": "7.5", "sliding_window": "12"])
      #expect(configuration.attentionScale == Float(1 / Double(168).squareRoot()))
      #expect(configuration.logitCap == 7.5)
      #expect(try readBack(configuration) == configuration)
      #expect(try Self.read(family, ["final_logit_softcapping": "null"]).logitCap == nil)
      for (key, value) in [
        ("query_pre_attn_scalar", "0"), ("final_logit_softcapping", "0"), ("final_logit_softcapping", "-1"),
        ("sliding_window", "0"), ("sliding_window", "null"), ("use_bidirectional_attention", "true"),
        ("num_attention_heads", "12"),
      ] {
        #expect(refusal(family, [key: value])?.key == key, "\(key) \(value)")
      }
    }
    let uncapped = try Self.read("gemma2", ["attn_logit_softcapping": "null", "final_logit_softcapping": "null"])
    #expect(uncapped.attentionCap == nil && uncapped.logitCap == nil)
    #expect(try readBack(uncapped) == uncapped)
    // transformers reads it, and does not use it
    #expect(refusal("gemma3_text", ["attn_logit_softcapping": "50.0"])?.key == "attn_logit_softcapping")
  }

  /// transformers writes integers only: any of them must come back.
  @Test func everyScalarIsWrittenBack() throws {
    var configuration = try Self.read("gemma2")
    for scalar in [1, 2, 3, 7, 100, 144, 168, 224, 256, 288, 999, 4097] {
      configuration.attentionScale = Float(1 / Double(scalar).squareRoot())
      let text = String(decoding: try configuration.huggingFaceJSON(weightType: .float32), as: UTF8.self)
      #expect(text.contains("\"query_pre_attn_scalar\": \(scalar),"), "\(scalar)")
    }
  }

  /// As `Gemma3TextConfig.convert_rope_params_to_dict` (configuration_gemma3.py, transformers 5.24).
  @Test(
    arguments: [
      ["rope_theta": "5000.0", "rope_local_base_freq": "50", "rope_scaling": #"{"rope_type":"linear","factor":8.0}"#],
      ["rope_theta": "5000", "rope_local_base_freq": "50", "rope_scaling": #"{"type":"linear","factor":8}"#],
      [
        "rope_parameters":
          #"{"full_attention":{"rope_type":"linear","factor":8,"rope_theta":5000},"#
          + #""sliding_attention":{"rope_theta":50}}"#
      ],
      [
        "rope_theta": "5000", "rope_scaling": #"{"rope_type":"linear","factor":8}"#,
        "rope_parameters": #"{"full_attention":{"rope_type":"default"},"sliding_attention":{"rope_theta":50.0}}"#,
      ],
    ])
  func positionsAreFoundWhereverTheyStand(changes: [String: String]) throws {
    let configuration = try Self.read("gemma3_text", changes.merging(["sliding_window_pattern": "2"]) { $1 })
    let (local, global) = (
      RotaryPositions(base: 50), RotaryPositions(base: 5000, scaling: .linear(factor: 8))
    )
    #expect(configuration.attention.map(\.rotary) == [local, global, local, global, local])
    #expect(try readBack(configuration) == configuration)
  }

  @Test(
    arguments: [
      (["sliding_window_pattern": "0"], "sliding_window_pattern"),
      (["_sliding_window_pattern": "3"], "_sliding_window_pattern"),
      (["rope_parameters": #"{"rope_type":"default","rope_theta":5}"#], "rope_parameters"),
      (["rope_parameters": #"{"full_attention":{"rope_type":"yarn"}}"#], "rope_parameters.full_attention.rope_type"),
      (
        ["rope_parameters": #"{"sliding_attention":{"rope_type":"linear"}}"#],
        "rope_parameters.sliding_attention.factor"
      ),
      (["rope_scaling": #"{"rope_type":"linear"}"#], "rope_scaling.factor"),
      (["rope_local_base_freq": "0"], "rope_local_base_freq"),
      (["layer_types": #"["full_attention"]"#], "layer_types"),
    ] as [([String: String], String)])
  func layersMustMakeSense(changes: [String: String], key: String) {
    #expect(refusal("gemma3_text", changes)?.key == key)
  }

  @Test func aPatternThatIsNotReadMayStandBesideTheTypes() throws {
    let types = "[" + Array(repeating: "\"full_attention\"", count: 5).joined(separator: ",") + "]"
    let configuration = try Self.read("gemma3_text", ["_sliding_window_pattern": "3", "layer_types": types])
    #expect(configuration.attention.allSatisfy { $0.window == nil && $0.rotary?.base == 1_000_000 })
    // for transformers `sliding_window` must be a number all the same
    let text = String(decoding: try configuration.huggingFaceJSON(weightType: .float32), as: UTF8.self)
    #expect(text.contains("\"sliding_window\": 4096"))
  }
}
