import Diagnostics
import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import LanguageModels
@testable import ModelFiles

/// Folders of a Gemma 3 that also sees: the configuration and the tensors of its language model have others around
/// them.
@Suite struct Gemma3VisionTests {
  /// How transformers 4 and 5 name the tensors.
  enum Naming: CaseIterable {
    case four, five

    func language(_ name: String) -> String {
      switch self {
      case .four: "language_model.\(name)"
      case .five: name.hasPrefix("model.") ? "model.language_model.\(name.dropFirst("model.".count))" : name
      }
    }

    func other(_ name: String) -> String {
      switch self {
      case .four: name
      case .five: "model.\(name)"
      }
    }
  }

  let fixture: ModelFixture

  init() throws { fixture = try ModelFixture("families/gemma3_text") }

  /// Writes such a folder from the fixture of the language model.
  func folder(
    _ naming: Naming, text changes: [String: JSONValue] = [:], without keys: [String] = [],
    whole: [String: JSONValue] = [:], more: [(String, [Float], [Int])] = []
  ) throws -> TemporaryFolder {
    let file = try HuggingFaceConfiguration(contentsOf: fixture.folder.appendingPathComponent("config.json"))
    let text = file.members.merging(changes) { $1 }.filter { !keys.contains($0.key) }
    let members: [String: JSONValue] = [
      "model_type": .string("gemma3"), "architectures": .array([.string("Gemma3ForConditionalGeneration")]),
      "text_config": .object(text), "vision_config": .object(["hidden_size": .integer(3)]),
      "mm_tokens_per_image": .integer(4), "boi_token_index": .integer(60),
    ]
    let folder = try TemporaryFolder()
    try folder.write(JSONValue.object(members.merging(whole) { $1 }).text(), to: "config.json")
    let source = SafetensorsWeights(
      try SafetensorsFile(contentsOf: fixture.folder.appendingPathComponent("model.safetensors")))
    var tensors: [(String, [Float], [Int])] = []
    for name in source.names {
      tensors.append((naming.language(name), try source.floats(name), try source.tensor(named: name).shape))
    }
    tensors.append((naming.other("vision_tower.vision_model.post_layernorm.weight"), [1, 2, 3], [3]))
    tensors.append((naming.other("vision_tower.vision_model.encoder.layers.0.layer_norm1.weight"), [1, 2, 3], [3]))
    tensors.append((naming.other("multi_modal_projector.mm_input_projection_weight"), [1, 2, 3], [3, 1]))
    tensors += more
    let writer = try SafetensorsWriter(
      replacing: folder.file("model.safetensors"), tensors: tensors.map { ($0.0, $0.2) })
    for (name, values, _) in tensors { try writer.append(values.span, to: name) }
    try writer.commit()
    return folder
  }

  @Test(arguments: Naming.allCases) func theLanguageModelIsRead(_ naming: Naming) throws {
    let folder = try folder(naming)
    let opened = try ModelFolder(contentsOf: folder.url)
    #expect(opened.warnings.count == 2)
    #expect(opened.warnings.first?.contains("it sees no images") == true)
    #expect(opened.warnings.last?.contains("and 2 others: ignored") == true)
    let (alone, found) = (
      try TransformerDecoder(contentsOf: fixture.folder), try TransformerDecoder(contentsOf: folder.url)
    )
    #expect(found.configuration == alone.configuration)
    #expect(found.parameters.values?.array() == alone.parameters.values?.array())
    // and what is written is the language model alone
    let written = try TemporaryFolder()
    try found.write(to: written.url)
    #expect(try ModelFolder(contentsOf: written.url).warnings == [])
  }

  @Test(arguments: Naming.allCases) func aTiedHeadMustBeTheEmbedding(_ naming: Naming) throws {
    let shape = [67, 21]
    let same = try SafetensorsWeights(
      SafetensorsFile(contentsOf: fixture.folder.appendingPathComponent("model.safetensors"))
    ).floats("model.embed_tokens.weight")
    let head = naming.language("lm_head.weight")
    let copy = try folder(naming, more: [(head, same, shape)])
    #expect(throws: Never.self) { try FrozenDecoder(contentsOf: copy.url) }
    let other = try folder(naming, more: [(head, same.map { $0 + 1 }, shape)])
    #expect(throws: ModelFileError.self) { try FrozenDecoder(contentsOf: other.url) }
    // and without the tie it is read
    let untied = try folder(
      naming, whole: ["tie_word_embeddings": .bool(false)], more: [(head, same.map { $0 + 1 }, shape)])
    #expect(try FrozenDecoder(contentsOf: untied.url).configuration.tiesEmbeddings == false)
  }

  /// Files leave out what is the default of `Gemma3TextConfig`: this is all that the 4B model's says.
  @Test func sizesHaveDefaults() throws {
    let text = #"""
      {"model_type": "gemma3", "eos_token_id": [1, 106], "text_config": {"hidden_size": 2560,
      "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34,
      "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
      "sliding_window": 1024}, "vision_config": {}}
      """#
    let file = try HuggingFaceConfiguration(Data(text.utf8), file: "config.json")
    let configuration = try DecoderConfiguration(file)
    #expect(configuration.vocabularySize == 262_208 && configuration.hiddenSize == 2560)
    #expect(configuration.headCount == 8 && configuration.keyValueHeadCount == 4 && configuration.headSize == 256)
    #expect(configuration.layerCount == 34 && configuration.eosTokenIDs == [1, 106] && configuration.bosTokenID == 2)
    #expect(configuration.attention.count { $0.window == 1024 } == 29 && configuration.tiesEmbeddings)
    #expect(configuration.attention[5].rotary == RotaryPositions(base: 1e6, scaling: .linear(factor: 8)))
    #expect(configuration.remarks(on: file).map(\.key) == ["model_type"])
  }

  @Test func errorsNameThePart() throws {
    for (key, value, found) in [
      ("sliding_window", JSONValue.integer(0), "text_config.sliding_window"),
      ("rope_scaling", .object(["rope_type": .string("yarn")]), "text_config.rope_scaling.rope_type"),
      ("head_dim", .integer(7), "text_config.head_dim"), ("model_type", .string("t5"), "text_config.model_type"),
    ] {
      let folder = try folder(.four, text: [key: value])
      let error = #expect(throws: ModelFileError.self) { try ModelFolder(contentsOf: folder.url) }
      guard case .value(let value) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(value.key == found)
    }
    let bare = try folder(.four, whole: ["text_config": .null])
    #expect(throws: ModelFileError.self) { try ModelFolder(contentsOf: bare.url) }
    let quantized = try folder(.four, whole: ["quantization_config": .object(["bits": .integer(4)])])
    #expect(throws: ModelFileError.self) { try ModelFolder(contentsOf: quantized.url) }
  }
}
