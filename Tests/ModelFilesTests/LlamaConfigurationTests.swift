import Diagnostics
import DurableFiles
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

@Suite struct LlamaConfigurationTests {
  /// The least that is accepted.
  static let minimal = [
    "model_type": "\"llama\"", "vocab_size": "512", "hidden_size": "64", "intermediate_size": "172",
    "num_hidden_layers": "5", "num_attention_heads": "8",
  ]

  /// Reads the minimal file with `changes`; a key whose change is `nil` is left out.
  static func read(_ changes: [String: String?]) throws(ModelFileError) -> DecoderConfiguration {
    var members = minimal
    for (key, value) in changes { members[key] = value }
    let text = "{" + members.map { "\"\($0)\": \($1)" }.joined(separator: ",") + "}"
    return try DecoderConfiguration(HuggingFaceConfiguration(Data(text.utf8), file: "config.json"))
  }

  func refuses(
    _ changes: [String: String?], key: String, found: String, location: SourceLocation = #_sourceLocation
  ) {
    do {
      let configuration = try Self.read(changes)
      Issue.record("\(changes) was read as \(configuration)", sourceLocation: location)
    } catch {
      guard case .value(let value) = error else {
        Issue.record(error, sourceLocation: location)
        return
      }
      #expect(
        value == InvalidValue("config.json", key, expected: value.expected, found: found, advice: value.advice),
        sourceLocation: location)
    }
  }

  /// The defaults of transformers' `LlamaConfig` (configuration_llama.py, transformers 5.23), each with its key absent.
  @Test func defaultsAreTransformers() throws {
    let configuration = try Self.read([:])
    #expect(configuration.keyValueHeadCount == 8)
    #expect(configuration.headSize == 8)
    #expect(configuration.contextLength == 2048)
    #expect(configuration.normEpsilon == 1e-6)
    #expect(configuration.attention[0].rotary?.base == 10_000)
    #expect(configuration.tiesEmbeddings == false)
    #expect(configuration.biases == [])
    #expect(configuration.initializerRange == 0.02)
    #expect(configuration.bosTokenID == 1)
    #expect(configuration.eosTokenIDs == [2])
    #expect(configuration.padTokenID == nil)
    let ours = DecoderConfiguration(
      vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 8)
    #expect(configuration == ours)
  }

  @Test func everyKeyIsRead() throws {
    let configuration = try Self.read([
      "num_key_value_heads": "4", "head_dim": "16", "max_position_embeddings": "256", "rms_norm_eps": "1e-05",
      "rope_theta": "500000.0", "rope_scaling": "null", "hidden_act": "\"silu\"", "tie_word_embeddings": "true",
      "attention_bias": "true", "mlp_bias": "true", "initializer_range": "0.1", "bos_token_id": "3",
      "eos_token_id": "[4, 5]", "pad_token_id": "0", "torch_dtype": "\"bfloat16\"", "pretraining_tp": "1",
      "use_cache": "true",
    ])
    #expect(
      configuration
        == DecoderConfiguration(
          vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 8, keyValueHeadCount: 4,
          headSize: 16, contextLength: 256, normEpsilon: 1e-5, rotary: RotaryPositions(base: 500_000),
          tiesEmbeddings: true, biases: Set(LayerMatrix.allCases), initializerRange: 0.1, bosTokenID: 3,
          eosTokenIDs: [4, 5],
          padTokenID: 0))
  }

  @Test func nullIsNoTokenButNoOtherValue() throws {
    let configuration = try Self.read([
      "bos_token_id": "null", "eos_token_id": "null", "pad_token_id": "null", "num_key_value_heads": "null",
      "head_dim": "null", "rope_theta": "null",
    ])
    #expect(configuration.bosTokenID == nil)
    #expect(configuration.eosTokenIDs == [])
    #expect(configuration.keyValueHeadCount == 8)
    #expect(configuration.attention[0].rotary?.base == 10_000)
  }

  /// As `convert_rope_params_to_dict` in modeling_rope_utils.py (transformers 5.23).
  @Test func rotaryBaseIsFoundWhereverItStands() throws {
    #expect(
      try Self.read(["rope_parameters": #"{"rope_theta":5e5,"rope_type":"default"}"#]).attention[0].rotary?.base
        == 500_000)
    #expect(try Self.read(["rope_parameters": #"{"rope_theta":5}"#, "rope_theta": "7"]).attention[0].rotary?.base == 5)
    #expect(
      try Self.read(["rope_parameters": #"{"rope_type":"default"}"#, "rope_theta": "7"]).attention[0].rotary?.base == 7)
    #expect(try Self.read(["rope_scaling": #"{"type":"default"}"#, "rope_theta": "7"]).attention[0].rotary?.base == 7)
    #expect(
      try Self.read(["rope_parameters": #"{"rope_theta":5}"#, "rope_scaling": "{}"]).attention[0].rotary?.base == 5)
  }

  static let llama3 =
    #"{"rope_type":"llama3","factor":8.0,"low_freq_factor":1,"high_freq_factor":4,"#
    + #""original_max_position_embeddings":64}"#

  @Test(arguments: [
    (#"{"type":"linear","factor":2}"#, RotaryScaling.linear(factor: 2)),
    (#"{"rope_type":"linear","factor":2.5}"#, .linear(factor: 2.5)),
    (
      llama3,
      .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 64)
    ),
  ])
  func rotaryScalingIsReadAndWritten(text: String, scaling: RotaryScaling) throws {
    for key in ["rope_scaling", "rope_parameters"] {
      let configuration = try Self.read([key: text, "rope_theta": "500000"])
      #expect(configuration.attention[0].rotary == RotaryPositions(base: 500_000, scaling: scaling))
      let json = try configuration.huggingFaceJSON(weightType: .float32)
      #expect(try DecoderConfiguration(HuggingFaceConfiguration(json, file: "config.json")) == configuration)
    }
  }

  /// As `convert_rope_params_to_dict` in modeling_rope_utils.py (transformers 5.24).
  @Test func theOriginalContextIsFoundWhereverItStands() throws {
    func original(_ changes: [String: String]) throws -> Int? {
      guard case .llama3(_, _, _, let length) = try Self.read(changes).attention[0].rotary?.scaling else { return nil }
      return length
    }
    let without = #"{"rope_type":"llama3","factor":8.0,"low_freq_factor":1,"high_freq_factor":4}"#
    #expect(try original(["rope_scaling": Self.llama3, "max_position_embeddings": "128"]) == 64)
    #expect(try original(["rope_scaling": Self.llama3, "original_max_position_embeddings": "32"]) == 32)
    #expect(try original(["rope_scaling": without, "max_position_embeddings": "128"]) == 128)
    refuses(
      ["rope_scaling": without], key: "rope_scaling.original_max_position_embeddings", found: "nothing")
  }

  /// transformers 4 looks for LongRoPE's original context beside `rope_scaling` alone.
  @Test func theOriginalContextOfLongRopeIsWrittenBesideTheScaling() throws {
    let factors = "[1,2,3,4]"
    let scaling =
      #"{"rope_type":"longrope","short_factor":\#(factors),"long_factor":\#(factors),"#
      + #""original_max_position_embeddings":64}"#
    let read = try Self.read(["rope_scaling": scaling, "head_dim": "8", "max_position_embeddings": "128"])
    let json = try read.huggingFaceJSON(weightType: .float32)
    let written = try HuggingFaceConfiguration(json, file: "config.json")
    #expect(try written.integer("original_max_position_embeddings", in: 1...128) == 64)
    #expect(try DecoderConfiguration(written) == read)
  }

  @Test func rotaryScalingMustMakeSense() {
    refuses(["rope_scaling": #"{"type":"linear"}"#], key: "rope_scaling.factor", found: "nothing")
    refuses(["rope_scaling": #"{"type":"linear","factor":-2}"#], key: "rope_scaling.factor", found: "-2")
    refuses(["rope_scaling": #"{"type":"linear","factor":0.5}"#], key: "rope_scaling", found: "linear with factor 0.5")
    refuses(
      ["rope_parameters": #"{"rope_type":"linear","factor":0.5}"#], key: "rope_parameters",
      found: "linear with factor 0.5")
    for (key, value) in [
      ("low_freq_factor", "0"), ("high_freq_factor", "\"4\""), ("original_max_position_embeddings", "0"),
    ] {
      let known =
        ["low_freq_factor": "1", "high_freq_factor": "4", "original_max_position_embeddings": "64"][key] ?? ""
      let text = Self.llama3.replacing("\"\(key)\":\(known)", with: "\"\(key)\":\(value)")
      refuses(["rope_scaling": text], key: "rope_scaling.\(key)", found: value)
    }
  }

  @Test(arguments: ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"])
  func sizesMustBeThere(key: String) {
    refuses([key: nil], key: key, found: "nothing")
    refuses([key: "null"], key: key, found: "null")
  }

  @Test(arguments: [
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "head_dim", "max_position_embeddings",
  ])
  func sizesMustMakeSense(key: String) {
    for found in ["0", "-1", "2147483649", "64.5", "\"64\"", "[64]", "true", "1e+30"] {
      refuses([key: found], key: key, found: found)
    }
  }

  @Test func headsMustDivide() {
    refuses(["num_attention_heads": "7"], key: "num_attention_heads", found: "7")
    refuses(["num_attention_heads": "7", "head_dim": "8"], key: "num_attention_heads", found: "7")
    refuses(["num_key_value_heads": "3"], key: "num_key_value_heads", found: "3")
    refuses(["num_key_value_heads": "16"], key: "num_key_value_heads", found: "16")
  }

  @Test func headsMustBeEven() {
    refuses(["head_dim": "7"], key: "head_dim", found: "7")
    refuses(["hidden_size": "72"], key: "head_dim", found: "9")
  }

  @Test func sizesMustFitTheWorld() {
    let huge = "2147483648"
    refuses(
      ["vocab_size": huge, "hidden_size": huge], key: "the sizes together", found: "more weights than can be counted")
    refuses(
      ["num_hidden_layers": "8192", "hidden_size": huge, "intermediate_size": huge], key: "the sizes together",
      found: "more weights than can be counted")
    refuses(["num_hidden_layers": "8193"], key: "num_hidden_layers", found: "8193")
    refuses(["max_position_embeddings": "4194305"], key: "max_position_embeddings", found: "4194305")
  }

  @Test func otherArchitecturesAreRefused() {
    refuses(["model_type": nil], key: "model_type", found: "nothing")
    refuses(["model_type": "\"gpt2\""], key: "model_type", found: "\"gpt2\"")
    refuses(["model_type": "7"], key: "model_type", found: "7")
    refuses(["hidden_act": "\"gelu\""], key: "hidden_act", found: "\"gelu\"")
    refuses(["rope_scaling": #"{"type":"proportional"}"#], key: "rope_scaling.type", found: "\"proportional\"")
    refuses(["rope_parameters": #"{"rope_type":"yarn"}"#], key: "rope_parameters.rope_type", found: "\"yarn\"")
    refuses(["rope_parameters": "5"], key: "rope_parameters", found: "5")
    refuses(["partial_rotary_factor": "0.5"], key: "partial_rotary_factor", found: "0.5")
    refuses(
      ["quantization_config": #"{"bits":4}"#], key: "quantization_config", found: #"{"bits":4}"#)
  }

  @Test func numbersMustMakeSense() {
    for found in ["0", "-1e-05", "1", "\"1e-5\"", "1e-300"] {
      refuses(["rms_norm_eps": found], key: "rms_norm_eps", found: found == "1e-300" ? "0.0" : found)
    }
    refuses(["rope_theta": "0"], key: "rope_theta", found: "0")
    refuses(["rope_parameters": #"{"rope_theta":-1}"#], key: "rope_parameters.rope_theta", found: "-1")
    refuses(["initializer_range": "-0.5"], key: "initializer_range", found: "-0.5")
    refuses(["initializer_range": "1.5"], key: "initializer_range", found: "1.5")
    refuses(["tie_word_embeddings": "1"], key: "tie_word_embeddings", found: "1")
    refuses(["attention_bias": "\"no\""], key: "attention_bias", found: "\"no\"")
  }

  @Test(arguments: ["bos_token_id", "eos_token_id", "pad_token_id"]) func idsMustBeInTheVocabulary(key: String) throws {
    refuses([key: "\"</s>\""], key: key, found: "\"</s>\"")
    for value in ["512", "-1", "null"] {
      let configuration = try Self.read([key: value])
      let ids = ["bos_token_id": [configuration.bosTokenID], "pad_token_id": [configuration.padTokenID]]
      #expect((ids[key] ?? configuration.eosTokenIDs).compactMap(\.self).isEmpty)
    }
    let json = Data(#"{"\#(key)": [2, 600, -1]}"#.utf8)
    let file = try HuggingFaceConfiguration(json, file: "config.json")
    #expect(try Self.read([:]).strayIDs(in: file).map(\.found) == ["600"])
    #expect(try Self.read(["eos_token_id": "[2,600]"]).eosTokenIDs == [2])
  }

  @Test func allThatIsMissingIsNamedAtOnce() throws {
    let file = try HuggingFaceConfiguration(Data(#"{"hidden_size": 8}"#.utf8), file: "config.json")
    let error = #expect(throws: ModelFileError.self) { try DecoderConfiguration(file) }
    let text = "\(try #require(error))"
    #expect(
      text.hasPrefix(
        "config.json: model_type, vocab_size, intermediate_size, num_hidden_layers, num_attention_heads: expected "
          + "values"))
    let example = try #require(text.range(of: "for example: ").map { String(text[$0.upperBound...]) })
    #expect(
      try DecoderConfiguration(HuggingFaceConfiguration(Data(example.utf8), file: "config.json")).vocabularySize == 8192
    )
  }

  /// Each is read by transformers 5.24.
  @Test(arguments: [
    (["hidden_act": "\"swish\""], nil), (["rope_scaling": "null"], nil), (["rope_scaling": "{}"], nil),
    (["rope_scaling": #"{"type":"default"}"#], nil), (["head_dim": "null"], nil),
    (["quantization_config": "null"], nil),
    (["eos_token_id": "[]"], nil), (["other": "[NaN, Infinity, -Infinity]"], nil),
    (["other": #""\ud800""#], nil),
    (["vocab_size": #"512, "vocab_size": 500"#], 500),
  ])
  func dialects(changes: [String: String], vocabularySize: Int?) throws {
    #expect(try Self.read(changes).vocabularySize == vocabularySize ?? 512)
  }

  @Test func valuesMadeInCodeAreChecked() throws {
    var configuration = DecoderConfiguration(
      vocabularySize: 16, hiddenSize: 8, feedForwardSize: 8, layerCount: 1, headCount: 0)
    #expect(throws: InvalidValue.self) { try configuration.check(place: "recipe") }
    configuration.headCount = 2
    configuration.keyValueHeadCount = 1
    configuration.headSize = 4
    try configuration.check(place: "recipe")
    configuration.normEpsilon = .nan
    #expect(
      throws: InvalidValue("recipe", "normEpsilon", expected: "a number above 0 and below 1", found: "nan")
    ) { try configuration.check(place: "recipe") }
  }

  @Test func everyPieceNeedsItsRow() throws {
    let configuration = try Self.read([:])
    try configuration.requireVocabulary(for: 512, file: "config.json")
    try configuration.requireVocabulary(for: 500, file: "config.json")
    #expect(
      throws: ModelFileError.value(
        InvalidValue(
          "config.json", "vocab_size", expected: "at least 513, the tokenizer's number of tokens", found: "512"))
    ) { try configuration.requireVocabulary(for: 513, file: "config.json") }
  }

  @Test func whatIsWrittenIsReadBack() throws {
    var configuration = try Self.read(["num_key_value_heads": "2", "rms_norm_eps": "1e-05", "head_dim": "32"])
    configuration.padTokenID = 0
    configuration.bosTokenID = nil
    for ids in [[], [2], [2, 7]] {
      configuration.eosTokenIDs = ids
      let json = try configuration.huggingFaceJSON(weightType: .bfloat16)
      #expect(try DecoderConfiguration(HuggingFaceConfiguration(json, file: "config.json")) == configuration)
    }
  }

  @Test func whatNoFileOfTheFamilyCanSayIsNotWritten() throws {
    var configuration = try Self.read([:])
    configuration.biases = [.query]
    let error = #expect(throws: ModelFileError.self) { try configuration.huggingFaceJSON(weightType: .float32) }
    #expect("\(try #require(error))".contains("one that a llama model can have"))
    configuration.family = "gpt2"
    let unknown = #expect(throws: ModelFileError.self) { try configuration.huggingFaceJSON(weightType: .float32) }
    #expect("\(try #require(unknown))".contains("\"llama\""))
  }

  @Test func theFileIsWrittenForTransformers() throws {
    let text = String(decoding: try Self.read([:]).huggingFaceJSON(weightType: .float16), as: UTF8.self)
    let lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    for line in [
      "\"LlamaForCausalLM\"", "\"model_type\": \"llama\",", "\"torch_dtype\": \"float16\",", "\"rms_norm_eps\": 1e-06,",
      "\"rope_theta\": 10000.0,", "\"rope_type\": \"default\"", "\"eos_token_id\": 2,", "\"pad_token_id\": null,",
    ] {
      #expect(lines.contains(line), "\(line) in \(text)")
    }
    let keys = lines.compactMap { $0.hasPrefix("\"") && $0.contains(": ") ? $0 : nil }
    #expect(keys.filter { !$0.contains("rope") } == keys.filter { !$0.contains("rope") }.sorted())
  }
}

@Suite struct GenerationConfigurationTests {
  @Test func whatIsWrittenIsReadBack() throws {
    let full = HuggingFaceGenerationConfiguration(
      bosTokenID: 1, eosTokenIDs: [2, 3], padTokenID: 0)
    for configuration in [full, HuggingFaceGenerationConfiguration()] {
      let json = configuration.huggingFaceJSON()
      let file = try HuggingFaceConfiguration(json, file: "generation_config.json")
      #expect(HuggingFaceGenerationConfiguration(file) == configuration)
    }
  }

  @Test func oneEndIsReadWithoutItsArray() throws {
    let json = Data(#"{"eos_token_id":2,"_from_model_config":true,"transformers_version":"5.23.0"}"#.utf8)
    let file = try HuggingFaceConfiguration(json, file: "generation_config.json")
    #expect(HuggingFaceGenerationConfiguration(file).eosTokenIDs == [2])
  }

  @Test func whatIsNoIDIsPassedOverByItself() throws {
    let json = Data(#"{"eos_token_id":[2,"</s>",7,null,-1,2.5],"bos_token_id":"<s>"}"#.utf8)
    let file = try HuggingFaceConfiguration(json, file: "generation_config.json")
    let configuration = HuggingFaceGenerationConfiguration(file)
    #expect(configuration.eosTokenIDs == [2, 7] && configuration.bosTokenID == nil)
    let warnings = configuration.passedOver
    #expect(warnings.count == 4)
    #expect(
      warnings.contains(#"generation_config.json: eos_token_id: expected token ids, found "</s>"; passed over"#),
      "\(warnings)")
  }
}
