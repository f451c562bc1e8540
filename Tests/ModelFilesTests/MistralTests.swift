import Diagnostics
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

@Suite struct MistralTests {
  /// Reads the least that is accepted, with `changes`.
  static func read(_ changes: [String: String]) throws(ModelFileError) -> DecoderConfiguration {
    var members = LlamaConfigurationTests.minimal
    members["model_type"] = "\"mistral\""
    members["num_attention_heads"] = "16"
    for (key, value) in changes { members[key] = value }
    let text = "{" + members.map { "\"\($0)\": \($1)" }.joined(separator: ",") + "}"
    return try DecoderConfiguration(HuggingFaceConfiguration(Data(text.utf8), file: "config.json"))
  }

  /// The defaults of transformers' `MistralConfig` (configuration_mistral.py, transformers 5.24), each with its key
  /// absent.
  @Test func defaultsAreTransformers() throws {
    let configuration = try Self.read(["sliding_window": "null"])
    #expect(
      configuration
        == DecoderConfiguration(
          family: "mistral", vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 16,
          keyValueHeadCount: 8, contextLength: 131_072))
    #expect(try Self.read(["sliding_window": "null", "num_key_value_heads": "null"]).keyValueHeadCount == 16)
  }

  @Test func theContextMustBeWithinTheWindow() throws {
    for (window, context) in [("null", "32768"), ("4096", "4096"), ("4096", "128")] {
      let configuration = try Self.read(["sliding_window": window, "max_position_embeddings": context])
      #expect("\(configuration.contextLength)" == context)
    }
    #expect(try Self.read(["max_position_embeddings": "4096"]).contextLength == 4096)
    for changes in [["max_position_embeddings": "4097"], ["max_position_embeddings": "129", "sliding_window": "128"]] {
      let error = #expect(throws: ModelFileError.self) { try Self.read(changes) }
      guard case .value(let value) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(value.key == "sliding_window" && value.found == changes["sliding_window"] ?? "nothing")
    }
  }

  @Test func whatIsWrittenIsReadBack() throws {
    let configuration = try Self.read(["sliding_window": "256", "max_position_embeddings": "256", "head_dim": "6"])
    let json = try configuration.huggingFaceJSON(weightType: .float32)
    #expect(try DecoderConfiguration(HuggingFaceConfiguration(json, file: "config.json")) == configuration)
    let text = String(decoding: json, as: UTF8.self)
    #expect(text.contains("\"MistralForCausalLM\"") && text.contains("\"sliding_window\": null"))
  }
}
