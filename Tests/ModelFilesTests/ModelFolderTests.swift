import Diagnostics
import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import LanguageModels
@testable import ModelFiles

@Suite struct ModelFolderTests {
  let folder: TemporaryFolder
  /// What the tests write of a model: its embedding and its last norm.
  let declared = DecoderConfiguration(
    vocabularySize: 4, hiddenSize: 2, feedForwardSize: 2, layerCount: 1, headCount: 1
  ).weights.filter { [.embedding, .finalNorm].contains($0.role) }

  init() throws { folder = try TemporaryFolder() }

  func writeConfiguration(tied: Bool = true) throws {
    let configuration = DecoderConfiguration(
      vocabularySize: 4, hiddenSize: 2, feedForwardSize: 2, layerCount: 1, headCount: 1, tiesEmbeddings: tied)
    try folder.write(configuration.huggingFaceJSON(weightType: .float32), to: "config.json")
  }

  func writeWeights(_ tensors: [(String, [Float], [Int])], to name: String = "model.safetensors") throws {
    let writer = try SafetensorsWriter(replacing: folder.file(name), tensors: tensors.map { ($0.0, $0.2) })
    for (name, values, _) in tensors { try writer.append(values.span, to: name) }
    try writer.commit()
  }

  let embedding = ("model.embed_tokens.weight", [1, 2, 3, 4, 5, 6, 7, 8] as [Float], [4, 2])
  let norm = ("model.norm.weight", [9, 10] as [Float], [2])

  func path(_ name: String) -> String { folder.file(name).path }

  /// The error of opening the folder and asking for exactly `declared`.
  func error() -> ModelFileError? {
    do {
      try ModelFolder(contentsOf: folder.url).requireExactly(declared)
      return nil
    } catch { return error }
  }

  @Test func oneFile() throws {
    try writeConfiguration()
    try writeWeights([embedding, norm])
    let checkpoint = try ModelFolder(contentsOf: folder.url)
    try checkpoint.requireExactly(declared)
    #expect(checkpoint.configuration.vocabularySize == 4)
    #expect(checkpoint.warnings.isEmpty)
    #expect(checkpoint.weights.names == [embedding.0, norm.0])
    #expect(try checkpoint.weights.floats(norm.0) == norm.1)
    #expect(
      try checkpoint.weight(.embedding, expecting: [4, 2], on: .shared).dense(on: .shared).array() == embedding.1)
    var values = [Float](repeating: 0, count: 2)
    var span = values.mutableSpan
    try checkpoint.read(.finalNorm, into: &span)
    #expect(values == norm.1)
  }

  @Test(arguments: [
    (#"{"eos_token_id": [2, 3], "temperature": 0, "top_k": -1, "do_sample": "yes"}"#, [2, 3], 0),
    (#"{"eos_token_id": 3, "max_length": Infinity, "x": -Infinity, "y": NaN, "x": 1}"#, [2, 3], 0),
    (#"{"eos_token_id": -1, "pad_token_id": -1, "bos_token_id": null}"#, [2], 0),
    (#"{"eos_token_id": null, "temperature": null}"#, [2], 0),
    (#"{"eos_token_id": [3, 4, 900]}"#, [2, 3], 1),
    (#"{"eos_token_id": "</s>"}"#, [2], 1),
    ("{", [2], 1), ("[]", [2], 1), ("", [2], 1),
  ])
  func endsOfTheGenerationConfigurationAreAmongTheOwn(json: String, ends: [Int], warnings: Int) throws {
    try writeConfiguration()
    try writeWeights([embedding, norm])
    try folder.write(json, to: "generation_config.json")
    let checkpoint = try ModelFolder(contentsOf: folder.url)
    #expect(checkpoint.configuration.eosTokenIDs == ends)
    #expect(checkpoint.warnings.count == warnings, "\(checkpoint.warnings)")
    try checkpoint.requireExactly(declared)
  }

  @Test func whatIsMissingIsNamedWithTheRemedy() throws {
    let absent = folder.file("absent")
    #expect(
      throws: ModelFileError.file(
        .missing(file: absent.path, advice: "a folder with config.json and model.safetensors is expected"))
    ) { try ModelFolder(contentsOf: absent) }
    #expect(
      error()
        == .file(
          .missing(file: path("config.json"), advice: "\(folder.url.path) is no Hugging Face model folder")))
    let named = folder.file("x.gguf")
    try FileManager.default.createDirectory(at: named, withIntermediateDirectories: true)
    let hint = "\(named.path) is no Hugging Face model folder, and a .gguf file is no folder"
    #expect(
      throws: ModelFileError.file(.missing(file: named.appendingPathComponent("config.json").path, advice: hint))
    ) { try openModel(at: named) }
    try writeConfiguration()
    guard case .file(.missing(path("model.safetensors"), let advice)) = error() else {
      Issue.record("a folder without weights was accepted")
      return
    }
    #expect(advice.contains("save_pretrained"))
  }

  @Test func damagedConfigurationsAreTypedErrors() throws {
    try writeWeights([embedding, norm])
    let file = path("config.json")
    try folder.write("[1, 2]", to: "config.json")
    #expect(
      error()
        == .value(InvalidValue(file, "the whole file", expected: "a JSON object", found: "[1,2]")))
    try folder.write("{\"model_type\": llama}", to: "config.json")
    #expect(error() == .file(.invalidJSON(file: file, byteOffset: 15, reason: "expected a value, found 'l'")))
    try folder.write([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], to: "config.json")
    #expect(error() == .file(.invalidJSON(file: file, byteOffset: 4, reason: "a string is not UTF-8")))
    try folder.write("", to: "config.json")
    #expect(error() == .file(.invalidJSON(file: file, byteOffset: 0, reason: "expected a value, found the end")))
  }

  @Test func tensorsMustBeExactlyThose() throws {
    try writeConfiguration(tied: false)
    let file = path("model.safetensors")
    try writeWeights([embedding])
    #expect(error() == .missingTensor(file: file, tensor: norm.0))
    try writeWeights([embedding, (norm.0, [1, 2, 3], [3])])
    #expect(error() == .wrongShape(file: file, tensor: norm.0, expected: [2], found: [3]))
    try writeWeights([(embedding.0, embedding.1, [2, 4]), norm])
    #expect(error() == .wrongShape(file: file, tensor: embedding.0, expected: [4, 2], found: [2, 4]))
    try writeWeights([embedding, norm, ("model.extra.weight", [1], [1])])
    #expect(error() == .unexpectedTensor(file: file, tensor: "model.extra.weight"))
    try writeWeights([embedding, norm, ("lm_head.weight", embedding.1, [4, 2])])
    #expect(error() == .unexpectedTensor(file: file, tensor: "lm_head.weight"))
    let integers = #"{"model.embed_tokens.weight":{"dtype":"I64","shape":[4,2],"data_offsets":[0,64]}}"#
    try folder.write(
      safetensors(header: integers.utf8, data: [UInt8](repeating: 0, count: 64)), to: "model.safetensors")
    #expect(error() == .notWeights(file: file, tensor: embedding.0, found: "I64"))
  }

  @Test func buffersOfOldVersionsAreLetPass() throws {
    try writeConfiguration()
    try writeWeights(
      [embedding, norm]
        + [
          "layers.0.self_attn.rotary_emb.inv_freq", "layers.0.self_attn.rotary_emb.cos_cached", "rotary_emb.sin_cached",
        ]
        .map { ("model.\($0)", [1], [1]) })
    #expect(error() == nil)
    #expect(try ModelFolder(contentsOf: folder.url).warnings.isEmpty)
  }

  @Test func whatIsNoPartOfTheModelIsLetPassWithAWord() throws {
    try writeConfiguration()
    try writeWeights([embedding, norm, ("score.weight", [1], [1]), ("model.layers.7.mlp.up_proj.weight", [1], [1])])
    #expect(error() == nil)
    let warnings = try ModelFolder(contentsOf: folder.url).warnings
    #expect(warnings.count == 1 && warnings[0].contains("model.layers.7.mlp.up_proj.weight and 1 other"))
    let bias = "model.layers.0.self_attn.q_proj.bias"
    try writeWeights([embedding, norm, (bias, [1, 2], [2])])
    guard case .unexpectedTensor(_, bias, let advice?) = error() else {
      Issue.record("a bias was ignored: \(String(describing: error()))")
      return
    }
    #expect(advice.contains("biases"))
  }

  /// As `LlamaModel.save_pretrained` names them, without a head or beside one.
  @Test(arguments: [true, false]) func namesMayLackTheirPrefix(tied: Bool) throws {
    try writeConfiguration(tied: tied)
    let head: [(String, [Float], [Int])] = tied ? [] : [("lm_head.weight", embedding.1, [4, 2])]
    try writeWeights([("embed_tokens.weight", embedding.1, [4, 2]), ("norm.weight", norm.1, [2])] + head)
    let checkpoint = try ModelFolder(contentsOf: folder.url)
    if tied { try checkpoint.requireExactly(declared) }
    #expect(
      try checkpoint.weight(.embedding, expecting: [4, 2], on: .shared).dense(on: .shared).array() == embedding.1)
    var values = [Float](repeating: 0, count: 2)
    var span = values.mutableSpan
    try checkpoint.read(.finalNorm, into: &span)
    #expect(values == norm.1)
  }

  @Test func ofATiedModelEitherNameMayBeThere() throws {
    try writeConfiguration()
    try writeWeights([("lm_head.weight", embedding.1, [4, 2]), norm])
    let checkpoint = try ModelFolder(contentsOf: folder.url)
    try checkpoint.requireExactly(declared)
    #expect(checkpoint.warnings.isEmpty)
    #expect(
      try checkpoint.weight(.embedding, expecting: [4, 2], on: .shared).dense(on: .shared).array() == embedding.1)
  }

  @Test func aMissingHeadIsExplained() throws {
    try writeConfiguration(tied: false)
    try writeWeights([embedding, norm])
    let whole = try ModelFolder(contentsOf: folder.url).configuration.weights.filter {
      [.embedding, .finalNorm, .head].contains($0.role)
    }
    let error = #expect(throws: ModelFileError.self) {
      try ModelFolder(contentsOf: folder.url).requireExactly(whole)
    }
    #expect(
      "\(try #require(error))".contains("lm_head.weight is missing; if the head is tied to the embedding, set tie"))
  }

  @Test func otherPrefixesAreNamed() throws {
    try writeConfiguration()
    try writeWeights([("module.model.embed_tokens.weight", embedding.1, [4, 2]), norm])
    #expect("\(try #require(error()))".contains("module.model.embed_tokens.weight; take the prefix off"))
  }

  @Test func floatsOfOtherWidthsAreConverted() throws {
    try writeConfiguration()
    let values: [Double] = [1.5, -2, 0.125, 448, 1e-3, 0, -0.0, 3]
    var data = values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
    data += [0x38, 0xBC]
    let header =
      #"{"model.embed_tokens.weight":{"dtype":"F64","shape":[4,2],"data_offsets":[0,64]},"#
      + #""model.norm.weight":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[64,66]}}"#
    try folder.write(safetensors(header: header.utf8, data: data), to: "model.safetensors")
    let checkpoint = try ModelFolder(contentsOf: folder.url)
    try checkpoint.requireExactly(declared)
    #expect(
      try checkpoint.weight(.embedding, expecting: [4, 2], on: .shared).dense(on: .shared).array()
        == values.map { Float($0) })
    #expect(try checkpoint.weights.floats(norm.0) == [1, -1.5])
    #expect(try checkpoint.weight(.finalNorm, expecting: [2], on: .shared).dense(on: .shared).array() == [1, -1.5])
  }

  @Test(arguments: ["config.json", "model.safetensors", "generation_config.json"])
  func pointersOfGitLFSAreNamed(name: String) throws {
    try writeConfiguration()
    try writeWeights([embedding, norm])
    let pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "0", count: 64))\nsize 1\n"
    try folder.write(pointer, to: name)
    if name == "generation_config.json" {
      #expect(try ModelFolder(contentsOf: folder.url).warnings.first?.contains("git lfs pull") == true)
    } else {
      #expect(error() == .file(.gitLFSPointer(file: path(name))))
    }
  }

  @Test func otherKindsOfFoldersAreNamed() throws {
    func description() throws -> String { "\(try #require(error()))" }
    try folder.write("{}", to: "adapter_config.json")
    #expect(try description().contains("adapter: merge it"))
    try writeConfiguration()
    try folder.write("", to: "pytorch_model.bin")
    #expect(try description().contains("pytorch_model.bin, which cannot be read; save the model with safetensors"))
    try FileManager.default.removeItem(at: folder.file("pytorch_model.bin"))
    try folder.write("GGUF", to: "model.gguf")
    #expect(try description().contains("but model.gguf, which is a model of its own"))
    try FileManager.default.removeItem(at: folder.file("adapter_config.json"))
    try FileManager.default.removeItem(at: folder.file("config.json"))
    #expect(try description().hasSuffix("for the GGUF file in it, give \(path("model.gguf"))"))
  }

  @Test func symbolicLinksAreFollowed() throws {
    try writeConfiguration()
    try writeWeights([embedding, norm])
    let link = folder.url.deletingLastPathComponent().appendingPathComponent("limbeck-link-\(UUID().uuidString)")
    try FileManager.default.createSymbolicLink(at: link, withDestinationURL: folder.url)
    defer { try? FileManager.default.removeItem(at: link) }
    try ModelFolder(contentsOf: link).requireExactly(declared)
  }

  @Test func aTiedHeadMayBeSavedTwiceIfItIsACopy() throws {
    try writeConfiguration()
    let file = path("model.safetensors")
    try writeWeights([embedding, norm, ("lm_head.weight", embedding.1, [4, 2])])
    #expect(error() == nil)
    let untied = ModelFileError.untiedTensors(file: file, first: "lm_head.weight", second: embedding.0)
    try writeWeights([embedding, norm, ("lm_head.weight", embedding.1.reversed(), [4, 2])])
    #expect(error() == untied)
    try writeWeights([embedding, norm, ("lm_head.weight", embedding.1, [2, 4])])
    #expect(error() == untied)
  }

  func writeIndex(_ map: [String: String]) throws {
    let members = map.sorted { $0.key < $1.key }.map { "\"\($0)\": \"\($1)\"" }.joined(separator: ",")
    try folder.write(
      "{\"metadata\": {\"total_size\": 40.0}, \"weight_map\": {\(members)}}", to: "model.safetensors.index.json")
  }

  @Test func shardsAreOneCheckpoint() throws {
    try writeConfiguration()
    try writeWeights([embedding], to: "model-00001-of-00002.safetensors")
    try writeWeights([norm], to: "model-00002-of-00002.safetensors")
    try writeIndex([
      embedding.0: "model-00001-of-00002.safetensors", norm.0: "model-00002-of-00002.safetensors",
    ])
    let checkpoint = try ModelFolder(contentsOf: folder.url)
    try checkpoint.requireExactly(declared)
    #expect(checkpoint.weights.files.count == 2)
    #expect(try checkpoint.weights.floats(embedding.0) == embedding.1)
    #expect(try checkpoint.weights.floats(norm.0) == norm.1)
    #expect(try checkpoint.weights.tensor(named: norm.0).shape == [2])
    // The tied head's copy may lie in another shard.
    try writeWeights([norm, ("lm_head.weight", embedding.1, [4, 2])], to: "model-00002-of-00002.safetensors")
    try writeIndex([
      embedding.0: "model-00001-of-00002.safetensors", norm.0: "model-00002-of-00002.safetensors",
      "lm_head.weight": "model-00002-of-00002.safetensors",
    ])
    #expect(error() == nil)
  }

  @Test func indexAndShardsMustAgree() throws {
    try writeConfiguration()
    try writeWeights([embedding], to: "one.safetensors")
    try writeWeights([norm], to: "two.safetensors")
    try writeIndex([embedding.0: "one.safetensors"])
    #expect(error() == .missingTensor(file: path("model.safetensors.index.json"), tensor: norm.0))
    try writeIndex([embedding.0: "one.safetensors", norm.0: "one.safetensors"])
    #expect(error() == .missingTensor(file: path("one.safetensors"), tensor: norm.0))
    try writeIndex([embedding.0: "two.safetensors", norm.0: "two.safetensors"])
    #expect(error() == .missingTensor(file: path("two.safetensors"), tensor: embedding.0))
    try writeIndex([norm.0: "one.safetensors", embedding.0: "two.safetensors"])
    guard case .unexpectedTensor(path("one.safetensors"), embedding.0, _) = error() else {
      Issue.record("a tensor in another file than the index says was accepted")
      return
    }
    // transformers reads all of the files that an index names
    try writeIndex([embedding.0: "one.safetensors", "model.norm.weight": "two.safetensors"])
    try writeWeights([norm, ("model.rotary_emb.inv_freq", [1], [1])], to: "two.safetensors")
    #expect(error() == nil)
    try writeIndex([embedding.0: "one.safetensors", norm.0: "three.safetensors"])
    guard case .file(.missing(path("three.safetensors"), _)) = error() else {
      Issue.record("a missing shard was accepted")
      return
    }
  }

  @Test func anIndexMustBeOne() throws {
    try writeConfiguration()
    let index = path("model.safetensors.index.json")
    for name in ["../config.json", "/etc/passwd", "", ".", "..", "a\\u0000b"] {
      try writeIndex([embedding.0: name])
      guard case .value(let value) = error(), value.place == index, value.key == "weight_map.\(embedding.0)",
        value.found == "\"\(name)\""
      else {
        Issue.record("\(name) was accepted as a shard")
        continue
      }
    }
    try folder.write("{}", to: "model.safetensors.index.json")
    #expect(
      error()
        == .value(
          InvalidValue(index, "weight_map", expected: "an object of tensor and file names", found: "nothing")))
    try folder.write(#"{"weight_map":{"a":"x","a":"y"}}"#, to: "model.safetensors.index.json")
    #expect(error() == .file(.duplicateKey(file: index, key: "a")))
  }
}
