import Diagnostics
import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import LanguageModels
@testable import ModelFiles

/// PEFT's folders of adapters: what is read, written and refused.
@Suite("Folders of adapters") struct AdapterFolderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static func fixture(_ name: String) -> URL { ModelFixture.root.appendingPathComponent("adapters/\(name)") }

  private static let factors = AdapterFolder.weightsName

  /// Adapters with random factors, written beside their base.
  private func adapted(
    _ configuration: DecoderConfiguration, _ targets: Set<LayerMatrix> = Set(LayerMatrix.allCases), type: WeightType
  ) throws -> (base: URL, adapters: URL, decoder: TransformerDecoder) {
    let (base, adapters) = (folder.file("base"), folder.file("adapters"))
    let whole = TransformerDecoder(configuration: configuration, seed: 1)
    try whole.write(to: base)
    let decoder = try TransformerDecoder(adapting: openModel(at: base), rank: 2, targets: targets, seed: 2)
    var generator = SeededGenerator(seed: 3)
    for (_, parameter) in try #require(decoder.adapters).factors {
      parameter.value.withMutableSpan { values in
        for index in values.indices { values[index] = Float(generator.nextNormal()) / 4 }
      }
    }
    try decoder.writeAdapters(to: adapters, as: type)
    return (base, adapters, decoder)
  }

  @Test(
    "What PEFT wrote is written again with the same names, shapes and bits",
    arguments: [
      "gqa", "ernie4_5", "phi3", "gemma3_text",
    ]) func rewriting(name: String) throws
  {
    let model = try AdaptedModel(contentsOf: Self.fixture(name))
    try FrozenDecoder(apart: model).writeAdapters(to: folder.url)
    let (theirs, own) = try (
      SafetensorsFile(contentsOf: Self.fixture(name).appendingPathComponent(Self.factors)),
      SafetensorsFile(contentsOf: folder.file(Self.factors))
    )
    #expect(theirs.names.sorted() == own.names.sorted())
    for entry in theirs.entries {
      #expect(own[entry.name]?.shape == entry.shape && own[entry.name]?.type == entry.type)
      #expect(try own.floats(entry.name) == theirs.floats(entry.name))
    }
    func settings(_ url: URL) throws -> [String: String] {
      let file = try HuggingFaceConfiguration(contentsOf: url.appendingPathComponent("adapter_config.json"))
      var settings = file.members.mapValues(\.description)
      settings["target_modules"] = try file.strings("target_modules")?.sorted().joined(separator: " ")
      return settings
    }
    let (before, after) = try (settings(Self.fixture(name)), settings(folder.url))
    for (key, value) in after { #expect(before[key] == value, "\(key)") }
    #expect(after["base_model_name_or_path"] == before["base_model_name_or_path"])
  }

  @Test(
    "Each family's adapters are read back with the same bits, apart and merged alike", arguments: ModelFixture.families)
  func families(name: String) throws {
    let configuration = try ModelFolder(contentsOf: ModelFixture(name).folder).configuration
    let (_, adapters, decoder) = try adapted(configuration, type: .float32)
    let stored = try openModel(at: adapters)
    let ids = (0..<12).map { Int32($0 * 5 % 60) }
    func states(_ decoder: any DecoderModel) -> [Float] { decoder.hiddenStates(ids, batchSize: 2).array() }
    #expect(try states(FrozenDecoder(apart: stored)) == states(decoder))
    let merged = states(try FrozenDecoder(stored))
    #expect(relativeError(merged, states(decoder).map(Double.init)) < 2e-5)
    // what is written, be it of one or the other, is the merged weights
    try decoder.write(to: folder.file("merged"))
    #expect(try states(FrozenDecoder(contentsOf: folder.file("merged"))) == merged)
    #expect(try states(TransformerDecoder(contentsOf: adapters)) == merged)
    #expect(states(try FrozenDecoder(openWholeModel(at: folder.file("base")))) != merged)
  }

  @Test(
    "Adapters of quantised weights leave them as they are", arguments: ["gguf/llama", "gguf/gemma3_text", "gguf/types"])
  func quantised(name: String) throws {
    let file = ModelFixture.root.appendingPathComponent("\(name)/model.gguf")
    let model = try TransformerDecoder(adapting: openModel(at: file), rank: 2, seed: 1)
    let stored = try FrozenDecoder(contentsOf: file)
    for (own, other) in zip(model.weights, stored.weights) {
      guard case .encoded(let matrix) = other.parameter.matrix else { continue }
      guard case .encoded(let kept) = own.parameter.matrix else {
        Issue.record("\(own.role) was converted")
        continue
      }
      #expect(kept.encoding == matrix.encoding)
    }
    // the same gradients as beside a float32 copy
    let copy = try TransformerDecoder(
      configuration: stored.configuration,
      adapters: DecoderAdapters(
        try #require(model.adapters).configuration, base: AdapterBase(path: "", digest: nil), of: stored.configuration,
        seed: 1, on: .shared)
    ) { role, _ in
      let weight = stored.weights.first { $0.role == role }?.parameter.matrix
      return .dense(try #require(weight).dense(on: .shared))
    }
    func gradients(_ decoder: TransformerDecoder) throws -> [Float] {
      let hidden = decoder.hiddenStates([1, 7, 3, 9, 4], batchSize: 1)
      hidden.backward(from: Tensor.zeros(hidden.shape, on: .shared).ones)
      return try #require(decoder.trained.gradients).array()
    }
    let expected = try gradients(copy)
    #expect(expected.contains { $0 != 0 })
    #expect(relativeError(try gradients(model), expected.map(Double.init)) < 1e-5)
  }

  @Test("Factors can be kept in 16 bits") func halves() throws {
    let (_, adapters, decoder) = try adapted(
      try ModelFolder(contentsOf: ModelFixture("llama/gqa").folder).configuration, type: .bfloat16)
    let stored = try AdaptedModel(contentsOf: adapters).adapters
    #expect(stored.file.entries.allSatisfy { $0.type == .bfloat16 })
    let read = try stored.adapters(of: decoder.configuration, trainable: false, on: .shared)
    for (own, other) in zip(read.factors, try #require(decoder.adapters).factors) {
      #expect(relativeError(own.parameter.value.array(), other.parameter.value.array().map(Double.init)) < 4e-3)
    }
  }

  // MARK: - What is refused

  /// What is wrong with a copy of a fixture with other settings.
  private func refusal(_ changes: [String: String], of name: String = "gqa") throws -> String {
    let url = folder.file("changed-\(UUID().uuidString)")
    try FileManager.default.copyItem(at: Self.fixture(name), to: url)
    let file = url.appendingPathComponent("adapter_config.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    var members = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    members["base_model_name_or_path"] = ModelFixture.root.appendingPathComponent("llama/gqa").path
    for (key, value) in changes {
      members[key] = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
    }
    try JSONSerialization.data(withJSONObject: members).write(to: file)
    do {
      _ = try openModel(at: url)
      return ""
    } catch { return "\(error)".replacing(url.path, with: "DIR") }
  }

  @Test(
    "Adapters of other kinds are refused by name",
    arguments: [
      ("peft_type", "\"ADALORA\"", "expected \"LORA\", found \"ADALORA\""),
      ("peft_type", "null", "expected \"LORA\""),
      ("use_dora", "true", "expected false: plain LoRA, found true; merge it into its model in peft first"),
      ("fan_in_fan_out", "true", "expected false"), ("lora_bias", "true", "expected false"),
      ("bias", "\"all\"", "expected \"none\", found \"all\""),
      ("modules_to_save", "[\"lm_head\"]", "expected nothing: the same adapter everywhere, and no other weights"),
      ("rank_pattern", "{\"q_proj\": 4}", "expected nothing"), ("alpha_pattern", "{\"q_proj\": 4}", "expected nothing"),
      ("layer_replication", "[[0, 2]]", "expected nothing"), ("target_parameters", "[\"x\"]", "expected nothing"),
      ("init_lora_weights", "\"pissa\"", "it belongs to a changed base"),
      ("r", "0", "expected an integer from 1"), ("r", "\"8\"", "expected an integer from 1"),
      ("lora_alpha", "\"8\"", "expected a number"), ("lora_alpha", "1e39", "expected a number"),
      ("target_modules", "[\"q_proj\"]", "which peft passes over: name it here, or leave its factors out"),
      ("target_modules", "[]", "expected names, "), ("target_modules", "[3]", "expected a list of names"),
      ("target_modules", "\"(\"", "a regular expression"), ("target_modules", "\".*q_proj\"", "expected names, "),
      ("target_modules", "3", "expected a list of names"),
      ("exclude_modules", "[\"q_proj\"]", "expected nothing that has factors"),
      ("layers_to_transform", "[7]", "expected layers, 0 among them, or null"),
      ("layers_to_transform", "[0]", "expected layers, 1 among them"), ("layers_to_transform", "7", "expected layers"),
      ("layers_to_transform", "[\"a\"]", "expected numbers of layers"),
    ]) func otherKinds(key: String, value: String, message: String) throws
  {
    let found = try refusal([key: value])
    #expect(found.hasPrefix("DIR/adapter_config.json: \(key): ") && found.contains(message), "\(found)")
  }

  @Test("What means nothing is accepted") func accepted() throws {
    #expect(try refusal(["lora_dropout": "0.1", "init_lora_weights": "\"gaussian\"", "use_qalora": "null"]) == "")
    for targets in ["null", "\"all-linear\"", "\".*_proj\""] { #expect(try refusal(["target_modules": targets]) == "") }
    for layers in ["null", "[]", "[0, 1, 2, 3, 4]"] { #expect(try refusal(["layers_to_transform": layers]) == "") }
  }

  @Test("A base that is not there is named, and what to do") func bases() throws {
    let found = try refusal(["base_model_name_or_path": "\"google/gemma-3-270m\""])
    #expect(
      found == "DIR/adapter_config.json: base_model_name_or_path: expected the path of a model folder or .gguf file, "
        + "found \"google/gemma-3-270m\"; write there where the base lies, or merge the adapters: limbeck merge "
        + "--adapter DIR --model BASE --output NEW")
    #expect(try refusal(["base_model_name_or_path": "null"]).contains("found nothing"))
    // adapters of adapters
    let other = "\"\(Self.fixture("phi3").path)\""
    #expect(try refusal(["base_model_name_or_path": other]).contains("it has an adapter: merge it"))
  }

  @Test("Adapters of another model are refused by the first tensor that differs") func otherModels() throws {
    func base(_ name: String) -> String { "\"\(ModelFixture.root.appendingPathComponent(name).path)\"" }
    #expect(
      try refusal(["base_model_name_or_path": base("llama/mha")]).contains("to fit the model, found"))
    #expect(
      try refusal(["base_model_name_or_path": base("llama/mha")]).hasSuffix("the adapters belong to another model"))
    #expect(
      try refusal(["base_model_name_or_path": base("families/phi3")]).contains(
        "is not part of the model that the configuration describes; the adapters belong to another model"))
    // a rank that is not the factors'
    #expect(try refusal(["r": "4"]).contains("expected shape [4, "))
  }

  @Test("A missing factor, and a missing file, are named") func missing() throws {
    let url = folder.file("half")
    try FileManager.default.copyItem(at: Self.fixture("gqa"), to: url)
    let source = try SafetensorsFile(contentsOf: url.appendingPathComponent(Self.factors))
    let name = source.names[0]
    let entry = try source.entry(name)
    let values = try source.floats(name)
    let writer = try SafetensorsWriter(
      replacing: url.appendingPathComponent(Self.factors), tensors: [(name, entry.shape)])
    try writer.append(values.span, to: name)
    try writer.commit()
    let base = try openModel(at: ModelFixture.root.appendingPathComponent("llama/gqa"))
    #expect { try AdaptedModel(contentsOf: url, base: base) } throws: { error in
      guard case .missingTensor(_, let tensor, _) = error as? ModelFileError else { return false }
      return tensor == name.replacing("lora_A", with: "lora_B")
    }
    try FileManager.default.removeItem(at: url.appendingPathComponent(Self.factors))
    #expect { try AdaptedModel(contentsOf: url, base: base) } throws: {
      "\($0)".contains("save the adapters with safetensors")
    }
  }

  @Test("A base that was changed since is refused by its digest; the user may choose it") func changedBase() throws {
    let configuration = try ModelFolder(contentsOf: ModelFixture("llama/gqa").folder).configuration
    let (base, adapters, _) = try adapted(configuration, [.query, .value], type: .float32)
    #expect(try openModel(at: adapters).configuration == configuration)
    try TransformerDecoder(configuration: configuration, seed: 9).write(to: base)
    #expect { try openModel(at: adapters) } throws: {
      "\($0)".contains("weights: expected digest ")
        && "\($0)".contains("which the adapters \(adapters.path) were trained")
    }
    #expect(try AdaptedModel(contentsOf: adapters, base: openModel(at: base)).configuration == configuration)
    #expect(throws: ModelFileError.self) {
      try AdaptedModel(contentsOf: adapters, base: openModel(at: base)).write(
        into: folder.url, as: "x", keeping: VocabularyRows(keeping: [1], of: 61),
        with: TokenizerParts(files: [], notes: [:]), progress: { _, _ in })
    }
  }

  @Test("Ranks and matrices that cannot be are refused") func settings() throws {
    let llama = try ModelFolder(contentsOf: ModelFixture("llama/gqa").folder).configuration
    let phi3 = try ModelFolder(contentsOf: ModelFixture("families/phi3").folder).configuration
    func refusal(
      _ rank: Int, _ alpha: Double = 32, _ targets: Set<LayerMatrix> = [.query], of decoder: DecoderConfiguration
    ) -> String {
      do throws(ModelFileError) {
        _ = try AdapterConfiguration(rank: rank, alpha: alpha, targets: targets, of: decoder)
        return ""
      } catch { return "\(error)" }
    }
    #expect(refusal(0, of: llama) == "lora-rank: expected 1 to 32, the model's hidden size, found 0")
    #expect(refusal(33, of: llama).hasSuffix("found 33"))
    #expect(refusal(2, 0, of: llama) == "lora-alpha: expected a number above 0, found 0.0")
    for alpha in [Double.nan, .infinity, 1e39] {
      #expect(refusal(2, alpha, of: llama).hasPrefix("lora-alpha: expected a number above 0, found"))
    }
    #expect(refusal(2, 32, [], of: llama) == "lora-targets: expected one or more matrices, found none")
    #expect(
      refusal(2, 32, [.query, .value], of: phi3)
        == "lora-targets: expected query, key, value together, which are one tensor of phi3, or none of them, found "
        + "query, value")
    #expect(refusal(2, 32, [.query, .key, .value], of: phi3) == "")
  }
}

extension Tensor {
  /// Ones of the same shape.
  fileprivate var ones: Tensor {
    withMutableSpan { values in for index in values.indices { values[index] = 1 } }
    return self
  }
}
