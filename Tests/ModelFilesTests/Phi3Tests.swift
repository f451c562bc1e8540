import Diagnostics
import DurableFiles
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

@Suite struct Phi3Tests {
  /// The defaults of transformers' `Phi3Config` (configuration_phi3.py, transformers 5.24), each with its key absent.
  @Test func defaultsAreTransformers() throws {
    let plain = DecoderConfiguration(
      family: "phi3", vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 8,
      contextLength: 4096, normEpsilon: 1e-5, eosTokenIDs: [])
    #expect(try readConfiguration("phi3") == plain)
    var large = plain
    (large.vocabularySize, large.eosTokenIDs, large.padTokenID) = (32_064, [32_000], 32_000)
    #expect(try readConfiguration("phi3", ["vocab_size": "32064"]) == large)
  }

  static let factors = "\"short_factor\":[1,1,1.5,2],\"long_factor\":[1.5,2,4,8]"
  static let sizes: [String: String?] = ["num_attention_heads": "8", "max_position_embeddings": "131072"]

  static func scaling(_ changes: [String: String?]) throws -> RotaryScaling? {
    try readConfiguration("phi3", sizes.merging(changes) { $1 }).attention.first?.rotary?.scaling
  }

  /// `su` and `yarn` are other names of it; the original context stands outside, or is 4096.
  @Test(arguments: ["\"type\":\"su\"", "\"type\":\"yarn\"", "\"type\":\"longrope\"", "\"rope_type\":\"longrope\""])
  func longRopeHasSeveralNames(type: String) throws {
    func expected(_ length: Int, _ amplitude: Double) -> RotaryScaling {
      .longRope(
        shortFactors: [1, 1, 1.5, 2], longFactors: [1.5, 2, 4, 8], originalContextLength: length, amplitude: amplitude)
    }
    let scaling = "{\(type),\(Self.factors)}"
    for key in ["rope_scaling", "rope_parameters"] {
      let found = try Self.scaling([key: scaling])
      #expect(found == expected(4096, (1 + log(32.0) / log(4096.0)).squareRoot()))
    }
    #expect(
      try Self.scaling(["rope_scaling": scaling, "original_max_position_embeddings": "8192"])
        == expected(8192, (1 + log(16.0) / log(8192.0)).squareRoot()))
    let inside = "{\(type),\"original_max_position_embeddings\":8192,\(Self.factors)}"
    #expect(try Self.scaling(["rope_scaling": inside]) == Self.scaling(["rope_scaling": scaling]))
    let given = "{\(type),\"attention_factor\":1.25,\"factor\":3,\(Self.factors)}"
    #expect(try Self.scaling(["rope_scaling": given]) == expected(4096, 1.25))
    let factor = "{\(type),\"factor\":3,\(Self.factors)}"
    #expect(
      try Self.scaling(["rope_scaling": factor]) == expected(4096, (1 + log(3.0) / log(4096.0)).squareRoot()))
    // no longer than the original one
    #expect(try Self.scaling(["rope_scaling": scaling, "max_position_embeddings": "64"]) == expected(4096, 1))
  }

  @Test(
    arguments: [
      ("rope_scaling", #"{"type":"linear","factor":2}"#, "rope_scaling.type"),
      ("rope_parameters", #"{"rope_type":"dynamic","factor":2}"#, "rope_parameters.rope_type"),
      ("rope_scaling", #"{"type":"su","short_factor":[1,1,1,1]}"#, "rope_scaling.long_factor"),
      ("rope_scaling", #"{"type":"su","long_factor":[1,1,1,1],"short_factor":1}"#, "rope_scaling.short_factor"),
      (
        "rope_scaling", #"{"type":"su","long_factor":[1,1,1,1],"short_factor":[1,1,1,"x"]}"#,
        "rope_scaling.short_factor"
      ),
      ("rope_scaling", #"{"type":"su","long_factor":[1,1,1,1],"short_factor":[1,1,1]}"#, "rope_scaling"),
      ("rope_scaling", #"{"type":"su","long_factor":[1,1,1,0],"short_factor":[1,1,1,1]}"#, "rope_scaling"),
      ("rope_scaling", "{\"type\":\"su\",\"attention_factor\":0,\(factors)}", "rope_scaling.attention_factor"),
      ("partial_rotary_factor", "0", "partial_rotary_factor"),
      ("partial_rotary_factor", "1.5", "partial_rotary_factor"),
      // 3 of 8 channels
      ("partial_rotary_factor", "0.4", "partial_rotary_factor"),
      ("sliding_window", "0", "sliding_window"),
      ("attention_bias", "true", "attention_bias"),
      ("full_attn_mod", "2", "full_attn_mod"),
    ])
  func whatPhi3CannotBeIsRefused(key: String, value: String, refused: String) {
    #expect(refusal("phi3", Self.sizes.merging([key: value]) { $1 })?.key == refused)
  }

  /// transformers counts the factors by hidden_size / num_attention_heads, whatever head_dim says.
  @Test func headsOfAnotherSizeAreNotScaled() throws {
    let scaling = "{\"type\":\"longrope\",\(Self.factors)}"
    let found = refusal("phi3", ["rope_scaling": scaling, "head_dim": "16"])
    #expect(found?.key == "head_dim" && found?.found == "16")
    let configuration = try readConfiguration("phi3", ["head_dim": "16", "partial_rotary_factor": "0.75"])
    #expect(configuration.headSize == 16 && configuration.attention.first?.rotary?.rotatedShare == 0.75)
    #expect(try readBack(configuration) == configuration)
  }

  @Test func everyLayerHasTheWindow() throws {
    let configuration = try readConfiguration("phi3", ["sliding_window": "2047"])
    #expect(configuration.attention.map(\.window) == [2047, 2047, 2047, 2047, 2047])
    #expect(try readBack(configuration) == configuration)
  }

  /// transformers 4 accepts three members alone; the amplitude is said where it does not follow from the contexts.
  @Test func scalingIsWrittenForOldVersionsToo() throws {
    func written(_ configuration: DecoderConfiguration) throws -> [String: JSONValue]? {
      let file = try HuggingFaceConfiguration(configuration.huggingFaceJSON(weightType: .float32), file: "config.json")
      return try file.object("rope_scaling")
    }
    let changes = Self.sizes.merging(["rope_scaling": "{\"type\":\"su\",\(Self.factors)}"]) { $1 }
    var configuration = try readConfiguration("phi3", changes)
    #expect(try written(configuration)?.keys.sorted() == ["long_factor", "short_factor", "type"])
    configuration.contextLength = 1024
    #expect(try written(configuration)?.keys.contains("attention_factor") == true)
    #expect(try readBack(configuration) == configuration)
  }

  @Test func weightsLieInFusedTensors() {
    let configuration = DecoderConfiguration(
      family: "phi3", vocabularySize: 7, hiddenSize: 12, feedForwardSize: 5, layerCount: 1, headCount: 3,
      keyValueHeadCount: 1, headSize: 6)
    let tensors = StoredTensor.all(of: configuration.weights) { Phi3().location(of: $0, in: configuration) }
    let layer = "model.layers.0"
    #expect(
      tensors.map(\.name) == [
        "model.embed_tokens.weight", "\(layer).self_attn.qkv_proj.weight", "\(layer).self_attn.o_proj.weight",
        "\(layer).mlp.gate_up_proj.weight", "\(layer).mlp.down_proj.weight", "\(layer).input_layernorm.weight",
        "\(layer).post_attention_layernorm.weight", "model.norm.weight", "lm_head.weight",
      ])
    #expect(tensors[1].shape == [30, 12] && tensors[1].parts.map(\.rows) == [0..<18, 18..<24, 24..<30])
    #expect(tensors[3].shape == [10, 12] && tensors[3].parts.map(\.rows) == [0..<5, 5..<10])
  }
}
