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
    #expect(checkpoint.generationConfiguration == nil)
    #expect(checkpoint.weights.names == [embedding.0, norm.0])
    #expect(try checkpoint.weights.floats(norm.0) == norm.1)
    #expect(
      try checkpoint.weight(.embedding, expecting: [4, 2], on: .shared).dense(on: .shared).array() == embedding.1)
    var values = [Float](repeating: 0, count: 2)
    var span = values.mutableSpan
    try checkpoint.read(.finalNorm, into: &span)
    #expect(values == norm.1)
  }

  @Test func neighboursAreFound() throws {
    try writeConfiguration()
    try writeWeights([embedding, norm])
    try folder.write(#"{"temperature":0.5}"#, to: "generation_config.json")
    let checkpoint = try ModelFolder(contentsOf: folder.url)
    #expect(checkpoint.generationConfiguration?.temperature == 0.5)
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
    try writeWeights([embedding, norm, ("model.layers.0.self_attn.rotary_emb.inv_freq", [1], [1])])
    #expect(error() == nil)
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
    #expect(error() == .unexpectedTensor(file: path("one.safetensors"), tensor: embedding.0))
    try writeWeights([norm, ("extra", [1], [1])], to: "two.safetensors")
    try writeIndex([embedding.0: "one.safetensors", norm.0: "two.safetensors"])
    #expect(error() == .unexpectedTensor(file: path("two.safetensors"), tensor: "extra"))
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
