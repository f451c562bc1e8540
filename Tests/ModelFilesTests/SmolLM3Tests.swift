import Diagnostics
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

@Suite struct SmolLM3Tests {
  /// The defaults of transformers' `SmolLM3Config` (configuration_smollm3.py, transformers 5.24), each with its key
  /// absent.
  @Test func defaultsAreTransformers() throws {
    var expected = DecoderConfiguration(
      family: "smollm3", vocabularySize: 128_256, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 8,
      keyValueHeadCount: 4, contextLength: 32_768, rotary: RotaryPositions(base: 2_000_000), tiesEmbeddings: true,
      bosTokenID: 128_000, eosTokenIDs: [128_001], padTokenID: 128_004)
    expected.attention[3].rotary = nil
    #expect(try readConfiguration("smollm3", ["vocab_size": "128256"]) == expected)
    let small = try readConfiguration("smollm3")
    #expect(small.bosTokenID == nil && small.eosTokenIDs == [] && small.padTokenID == nil)
    #expect(try readBack(small) == small)
  }

  /// As `SmolLM3Config.__post_init__` gives them.
  @Test(
    arguments: [
      (["no_rope_layer_interval": "2"], [true, false, true, false, true], [nil, nil, nil, nil, nil]),
      (["no_rope_layer_interval": "1"], [false, false, false, false, false], [nil, nil, nil, nil, nil]),
      (["no_rope_layer_interval": "9"], [true, true, true, true, true], [nil, nil, nil, nil, nil]),
      (["no_rope_layers": "[0,1,1,1,0]"], [false, true, true, true, false], [nil, nil, nil, nil, nil]),
      (["no_rope_layers": "[0,1,1,1,0,1,1]"], [false, true, true, true, false], [nil, nil, nil, nil, nil]),
      (
        ["no_rope_layers": "[0,1,1,1,0]", "use_sliding_window": "true", "sliding_window": "7"],
        [false, true, true, true, false], [7, nil, nil, nil, 7]
      ),
      (["use_sliding_window": "true"], [true, true, true, false, true], [nil, nil, nil, nil, nil]),
      (["sliding_window": "7"], [true, true, true, false, true], [nil, nil, nil, nil, nil]),
      (
        [
          "use_sliding_window": "true", "sliding_window": "7",
          "layer_types":
            "[\"sliding_attention\",\"full_attention\",\"full_attention\",\"full_attention\",\"full_attention\"]",
        ], [true, true, true, false, true], [7, nil, nil, nil, nil]
      ),
    ] as [([String: String], [Bool], [Int?])])
  func layersAreThoseOfTransformers(changes: [String: String], rotates: [Bool], windows: [Int?]) throws {
    let configuration = try readConfiguration("smollm3", changes)
    #expect(configuration.attention.map { $0.rotary != nil } == rotates)
    #expect(configuration.attention.map(\.window) == windows)
    #expect(try readBack(configuration) == configuration)
  }

  @Test(
    arguments: [
      (["no_rope_layers": "[1,1,1,1]"], "no_rope_layers"), (["no_rope_layers": "[1,1,1,1,2]"], "no_rope_layers"),
      (["no_rope_layers": "[true]"], "no_rope_layers"), (["no_rope_layer_interval": "0"], "no_rope_layer_interval"),
      (["use_sliding_window": "true", "sliding_window": "0"], "sliding_window"),
    ] as [([String: String], String)])
  func layersMustMakeSense(changes: [String: String], key: String) throws {
    #expect(refusal("smollm3", changes)?.key == key)
  }
}
