import Diagnostics
import DurableFiles
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

/// MiniCPM and Granite, whose config.json has factors of embeddings, residuals, scores and logits.
@Suite struct MultiplierTests {
  /// The defaults of `MiniCPMConfig` (configuration_minicpm.py of openbmb/MiniCPM-2B-sft-bf16), each with its key
  /// absent.
  @Test func defaultsOfMiniCPMAreItsMakers() throws {
    var expected = DecoderConfiguration(
      family: "minicpm", vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 8,
      contextLength: 2048, tiesEmbeddings: true)
    expected.residualScale = Float(1 / 5.0.squareRoot())
    expected.logitScale = 1 / 64
    #expect(try readConfiguration("minicpm") == expected)
    expected.biases = .attention
    #expect(try readConfiguration("minicpm", ["attention_bias": "true"]) == expected)
  }

  /// The defaults of transformers' `GraniteConfig` (configuration_granite.py, transformers 5.24), each with its key
  /// absent.
  @Test func defaultsOfGraniteAreTransformers() throws {
    var expected = DecoderConfiguration(
      family: "granite", vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 8)
    // not 1/√D
    expected.attentionScale = 1
    #expect(try readConfiguration("granite") == expected)
  }

  @Test func factorsAreRead() throws {
    let small = try readConfiguration("minicpm", ["scale_emb": "12", "scale_depth": "1.4", "dim_model_base": "256"])
    #expect(small.embeddingScale == .factor(12))
    #expect(small.residualScale == Float(1.4 / 5.0.squareRoot()))
    #expect(small.logitScale == 4)
    let granite = try readConfiguration(
      "granite",
      [
        "embedding_multiplier": "12", "residual_multiplier": "0.22", "attention_multiplier": "0.0078125",
        "logits_scaling": "6",
      ])
    #expect(granite.embeddingScale == .factor(12) && granite.residualScale == 0.22)
    #expect(granite.attentionScale == 0.0078125 && granite.logitScale == Float(1 / 6.0))
  }

  /// What is computed from config.json's numbers is the same after they are computed from it, whatever pruning leaves.
  @Test func everyNumberComesBack() throws {
    var configuration = try readConfiguration(
      "minicpm", ["scale_emb": "12", "scale_depth": "1.4", "dim_model_base": "256", "num_hidden_layers": "40"])
    func member(_ key: String) throws -> JSONValue? {
      try HuggingFaceConfiguration(configuration.huggingFaceJSON(weightType: .float32), file: "config.json")
        .members[key]
    }
    #expect(try member("scale_depth") == .number(1.4))
    #expect(try member("dim_model_base") == .number(256))
    for layers in 1...40 {
      for heads in 1...4 {
        configuration.layerCount = layers
        (configuration.headCount, configuration.keyValueHeadCount, configuration.hiddenSize) = (
          heads, heads, 8 * heads
        )
        #expect(try readBack(configuration) == configuration)
      }
    }
    configuration = try readConfiguration("granite", ["logits_scaling": "6"])
    #expect(try member("logits_scaling") == .number(6))
    for step in 1...200 {
      configuration.logitScale = Float(step) / 13
      configuration.attentionScale = 1 / Float(step)
      #expect(try readBack(configuration) == configuration)
    }
  }

  @Test(
    arguments: [
      ("minicpm", ["head_dim": "4"], "head_dim"), ("minicpm", ["scale_depth": "0"], "scale_depth"),
      ("minicpm", ["scale_emb": "1e300"], "scale_emb"), ("minicpm", ["dim_model_base": "-1"], "dim_model_base"),
      ("minicpm", ["num_experts": "8"], "num_experts"), ("minicpm", ["mlp_bias": "true"], "mlp_bias"),
      ("minicpm", ["sparse_config": #"{"kernel_size":32}"#], "sparse_config"),
      ("minicpm", ["rope_scaling": #"{"type":"llama3"}"#], "rope_scaling.type"),
      ("granite", ["logits_scaling": "0"], "logits_scaling"),
      ("granite", ["logits_scaling": "1e-300"], "logits_scaling"),
      ("granite", ["attention_multiplier": "1e-60"], "attention_multiplier"),
      ("granite", ["embedding_multiplier": "true"], "embedding_multiplier"),
      ("granite", ["residual_multiplier": "-0.2"], "residual_multiplier"),
    ] as [(String, [String: String], String)])
  func whatTheyCannotBeIsRefused(family: String, changes: [String: String], key: String) {
    #expect(refusal(family, changes)?.key == key)
  }

  /// MiniCPM's code takes its long factors for all texts where the context is longer than the original one.
  @Test func longRopeIsReadInTheOriginalContext() throws {
    let factors = String(repeating: "1.5,", count: 3) + "2"
    let scaling =
      #"{"rope_type":"longrope","short_factor":[\#(factors)],"long_factor":[\#(factors)],"#
      + #""original_max_position_embeddings":2048}"#
    let configuration = try readConfiguration("minicpm", ["rope_scaling": scaling])
    #expect(configuration.attention.first?.rotary?.scaling.longRopeContext == 2048)
    #expect(try readBack(configuration) == configuration)
    let longer = ["rope_scaling": scaling, "max_position_embeddings": "4096"]
    #expect(refusal("minicpm", longer)?.key == "max_position_embeddings")
  }

  /// The first folders say by their code what they are.
  @Test func aFolderWithoutATypeIsKnownByItsCode() throws {
    let code = #"{"AutoConfig": "configuration_minicpm.MiniCPMConfig"}"#
    #expect(try readConfiguration("", ["model_type": nil, "auto_map": code]) == readConfiguration("minicpm"))
    let other = code.replacing("configuration_minicpm", with: "openbmb/MiniCPM-2B-sft-bf16--configuration_minicpm")
    #expect(try readConfiguration("", ["model_type": nil, "auto_map": other]) == readConfiguration("minicpm"))
    let others: [[String: String?]] = [
      [:], ["auto_map": "{}"], ["auto_map": #"{"AutoConfig": "other.MiniCPMConfig"}"#],
    ]
    for changes in others {
      #expect(refusal("", changes.merging(["model_type": nil]) { $1 })?.key == "model_type")
    }
  }
}
