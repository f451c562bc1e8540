import Diagnostics
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

@Suite struct MistralTests {
  /// The defaults of transformers' `MistralConfig` (configuration_mistral.py, transformers 5.24), each with its key
  /// absent.
  @Test func defaultsAreTransformers() throws {
    var expected = DecoderConfiguration(
      family: "mistral", vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 16,
      keyValueHeadCount: 8, contextLength: 131_072)
    expected.setWindows(Array(repeating: 4096, count: 5))
    #expect(try readConfiguration("mistral", ["num_attention_heads": "16"]) == expected)
    #expect(try readConfiguration("mistral", ["num_key_value_heads": "null"]).keyValueHeadCount == 8)
    #expect(
      try readConfiguration("mistral", ["num_attention_heads": "16", "num_key_value_heads": "null"]).keyValueHeadCount
        == 16)
  }

  @Test(arguments: [("null", nil), ("1", 1), ("128", 128), ("2147483648", 1 << 31)] as [(String, Int?)])
  func everyLayerHasTheWindow(text: String, window: Int?) throws {
    let configuration = try readConfiguration("mistral", ["sliding_window": text, "head_dim": "6"])
    #expect(configuration.attention.map(\.window) == Array(repeating: window, count: 5))
    #expect(try readBack(configuration) == configuration)
  }

  @Test(arguments: ["0", "-1", "2147483649", "1.5", "\"4096\"", "true"]) func windowsMustMakeSense(text: String) {
    let value = refusal("mistral", ["sliding_window": text])
    #expect(value?.key == "sliding_window" && value?.found == text)
  }

  @Test func whatIsWrittenIsForTransformers() throws {
    let configuration = try readConfiguration("mistral", ["sliding_window": "null"])
    let text = String(decoding: try configuration.huggingFaceJSON(weightType: .float32), as: UTF8.self)
    #expect(text.contains("\"MistralForCausalLM\"") && text.contains("\"sliding_window\": null"))
  }

  /// There is no key for windows by layer.
  @Test func windowsByLayerAreNotWritten() throws {
    var configuration = try readConfiguration("mistral")
    configuration.attention[3].window = nil
    #expect(throws: ModelFileError.self) { try configuration.huggingFaceJSON(weightType: .float32) }
  }
}
