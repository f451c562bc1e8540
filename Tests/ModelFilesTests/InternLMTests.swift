import Diagnostics
import DurableFiles
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

@Suite struct InternLMTests {
  /// The defaults of `InternLM2Config` (configuration_internlm2.py of internlm/internlm2-1_8b), each with its key
  /// absent.
  @Test func defaultsOfInternLM2AreItsMakers() throws {
    var expected = DecoderConfiguration(
      family: "internlm2", vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 8,
      contextLength: 2048, biases: [.query, .key, .value, .output], padTokenID: 0)
    #expect(try readConfiguration("internlm2") == expected)
    expected.biases = []
    #expect(try readConfiguration("internlm2", ["bias": "false"]) == expected)
    #expect(try readBack(expected) == expected)
  }

  /// The defaults of transformers' `InternLM3Config` (configuration_internlm3.py, transformers 5.24).
  @Test func defaultsOfInternLM3AreTransformers() throws {
    var expected = DecoderConfiguration(
      family: "internlm3", vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 8,
      keyValueHeadCount: 2, headSize: 128, contextLength: 32_768, normEpsilon: 1e-5, padTokenID: 2)
    #expect(try readConfiguration("internlm3") == expected)
    #expect(try readConfiguration("internlm3", ["head_dim": "null"]).headSize == 8)
    expected.biases = Set(LayerMatrix.allCases)
    for (first, second) in [("qkv_bias", "bias"), ("attention_bias", "mlp_bias"), ("qkv_bias", "mlp_bias")] {
      #expect(try readConfiguration("internlm3", [first: "true", second: "true"]) == expected)
    }
    #expect(try readBack(expected) == expected)
  }

  /// `dynamic` lowers the frequencies beyond the context alone, which is never passed.
  @Test(arguments: ["internlm2", "internlm3"]) func dynamicScalingIsKept(family: String) throws {
    let plain = try readConfiguration(family)
    let configuration = try readConfiguration(family, ["rope_scaling": #"{"type":"dynamic","factor":6.0}"#])
    #expect(configuration.attention.first?.rotary?.scaling == .beyondTheContext(factor: 6))
    #expect(try readBack(configuration) == configuration)
    let (rotary, usual) = (configuration.attention.first?.rotary, plain.attention.first?.rotary)
    #expect(rotary?.frequencies(headSize: 16, length: 2048) == usual?.frequencies(headSize: 16))
  }

  @Test(
    arguments: [
      ("internlm2", ["head_dim": "4"], "head_dim"), ("internlm2", ["num_attention_heads": "6"], "head_dim"),
      ("internlm2", ["rope_scaling": #"{"type":"llama3"}"#], "rope_scaling.type"),
      ("internlm2", ["rope_scaling": #"{"type":"dynamic"}"#], "rope_scaling.factor"),
      ("internlm2", ["rope_scaling": #"{"type":"dynamic","factor":0.5}"#], "rope_scaling"),
      ("internlm2", ["bias": "1"], "bias"), ("internlm2", ["qkv_bias": "true"], "qkv_bias"),
      ("internlm3", ["qkv_bias": "true"], "qkv_bias"), ("internlm3", ["bias": "true"], "qkv_bias"),
      ("internlm3", ["qkv_bias": "true", "bias": "false"], "qkv_bias"),
      ("internlm3", ["qkv_bias": "true", "attention_bias": "false", "bias": "true"], "qkv_bias"),
      ("internlm3", ["num_attention_heads": "6"], "num_attention_heads"),
    ] as [(String, [String: String], String)])
  func whatTheyCannotBeIsRefused(family: String, changes: [String: String], key: String) {
    #expect(refusal(family, changes)?.key == key)
  }

  @Test func groupsLieTogether() {
    let configuration = DecoderConfiguration(
      family: "internlm2", vocabularySize: 7, hiddenSize: 24, feedForwardSize: 5, layerCount: 1, headCount: 6,
      keyValueHeadCount: 2, biases: .attention)
    let family = InternLM2()
    func rows(_ matrix: LayerMatrix) -> [Range<Int>]? {
      let (weight, bias) = (
        family.location(of: .layer(0, .matrix(matrix)), in: configuration),
        family.location(of: .layer(0, .bias(matrix)), in: configuration)
      )
      #expect(weight.rows == bias.rows)
      return weight.rows
    }
    // of each of the two heads three queries, a key and a value of four rows
    #expect(rows(.query) == [0..<12, 20..<32])
    #expect(rows(.key) == [12..<16, 32..<36])
    #expect(rows(.value) == [16..<20, 36..<40])
    #expect(rows(.output) == nil)
    let tensors = StoredTensor.all(of: configuration.weights) { family.location(of: $0, in: configuration) }
    #expect(tensors[1].name == "model.layers.0.attention.wqkv.weight" && tensors[1].shape == [40, 24])
    #expect(tensors[2].name == "model.layers.0.attention.wqkv.bias" && tensors[2].shape == [40])
    // a single head needs no copies
    var single = configuration
    single.keyValueHeadCount = 1
    #expect(family.location(of: .layer(0, .matrix(.query)), in: single).rows == [0..<24])
  }

  /// transformers fetches the code of families that it has no classes for.
  @Test(arguments: ["internlm2", "minicpm"]) func theCodeIsNamed(family: String) throws {
    let json = try readConfiguration(family).huggingFaceJSON(weightType: .float32)
    let file = try HuggingFaceConfiguration(json, file: "config.json")
    let map = try #require(try file.object("auto_map"))
    #expect(map.keys.sorted() == ["AutoConfig", "AutoModelForCausalLM"])
    for value in map.values { #expect(value.description.contains("--")) }
  }
}
