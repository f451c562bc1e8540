import Foundation
import GGUF
import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import ModelFiles

/// What the keys and tensors of a GGUF file mean, what missing ones mean, and what is refused.
@Suite struct GGUFMetadataTests {
  typealias Changes = [String: GGUFSample.Value?]

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The file of a family, changed.
  func open(
    _ name: String, _ changes: Changes, _ change: (inout GGUFSample) -> Void = { _ in }
  ) throws -> any StoredModel {
    let fixture = ModelFixture.root.appendingPathComponent("gguf/\(name)/model.gguf")
    var sample = GGUFSample(copying: try GGUFFile(contentsOf: fixture))
    for (key, value) in changes { sample.set(key, value) }
    change(&sample)
    let model = try openModel(at: folder.write(sample.bytes, to: "model.gguf"))
    try model.requireExactly(model.configuration.weights)
    return model
  }

  func configuration(_ name: String, _ changes: Changes) throws -> DecoderConfiguration {
    try open(name, changes).configuration
  }

  /// The sentence about such a file, without its path.
  func refusal(
    _ name: String, _ changes: Changes, _ change: (inout GGUFSample) -> Void = { _ in }
  ) throws -> String {
    let error = #expect(throws: ModelFileError.self) { try open(name, changes, change) }
    return "\(try #require(error))".replacing(folder.file("model.gguf").path + ": ", with: "")
  }

  @Test func whatMissingKeysMeanToAll() throws {
    let llama = try configuration(
      "mistral",
      ["llama.rope.freq_base": nil, "llama.rope.dimension_count": nil, "llama.vocab_size": nil])
    #expect(llama.attention[0].rotary == RotaryPositions(base: 10_000) && llama.vocabularySize == 67)
    #expect(try refusal("mistral", ["llama.attention.head_count_kv": nil]).contains("attn_k.weight"))
    #expect(try refusal("mistral", ["llama.attention.key_length": nil]).hasPrefix("llama.attention.value_length"))
    for key in [
      "context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count",
      "attention.layer_norm_rms_epsilon",
    ] {
      #expect(try refusal("mistral", ["llama.\(key)": nil]).hasPrefix("llama.\(key): expected "))
      #expect(try refusal("mistral", ["llama.\(key)": .string("1")]).hasPrefix("llama.\(key): expected "))
      #expect(try refusal("mistral", ["llama.\(key)": .uint32(0)]).hasPrefix("llama.\(key): expected "))
    }
    #expect(
      try refusal("mistral", ["llama.block_count": .uint32(.max >> 1)])
        == "llama.block_count: expected an integer from 1 to 8192, found 2147483647")
  }

  @Test func sizesThatAllLayersHaveAlikeMayBeListed() throws {
    let sixes = Array(repeating: GGUFSample.bytes(UInt32(6)), count: 3)
    let same = try configuration("mistral", ["llama.attention.head_count": .array(of: 4, sixes)])
    #expect(same.headCount == 6)
    var others = sixes
    others[1] = GGUFSample.bytes(UInt32(2))
    #expect(
      try refusal("mistral", ["llama.attention.head_count": .array(of: 4, others)])
        == "llama.attention.head_count: expected the same size for all layers, found an array of 3")
  }

  @Test func specialTokens() throws {
    let prefix = "tokenizer.ggml."
    let all = try configuration("llama", ["\(prefix)eot_token_id": .uint32(5), "\(prefix)eom_token_id": .uint32(2)])
    #expect(all.bosTokenID == 1 && all.eosTokenIDs == [2, 5] && all.padTokenID == nil)
    let none = try configuration("llama", ["\(prefix)bos_token_id": .uint32(.max), "\(prefix)eos_token_id": nil])
    #expect(none.bosTokenID == nil && none.eosTokenIDs == [])
    let stray = try open("llama", ["\(prefix)padding_token_id": .uint32(67)])
    #expect(stray.configuration.padTokenID == nil)
    #expect(stray.warnings.count == 1 && stray.warnings[0].contains("padding_token_id: expected an id below"))
    #expect(
      try refusal("llama", ["\(prefix)eos_token_id": .string("</s>")]).hasPrefix("\(prefix)eos_token_id: expected"))
  }

  @Test func whatIsNoModelThatCanBeRead() throws {
    #expect(
      try refusal("llama", ["general.architecture": .string("mamba")]).hasPrefix(
        "general.architecture: expected one of \"llama\", \"qwen2\", \"qwen3\", \"smollm3\", \"gemma\""))
    #expect(try refusal("llama", ["general.architecture": nil]).hasSuffix("found nothing"))
    #expect(
      try refusal("llama", ["general.type": .string("adapter")])
        == "general.type: expected \"model\", found \"adapter\"; merge the adapter into its model first, and convert "
        + "that")
    #expect(try refusal("llama", ["general.type": .string("mmproj")]).contains("sees or hears"))
    #expect(try refusal("llama", ["general.type": .string("imatrix")]).hasSuffix("give the file of a model"))
    #expect(try open("llama", ["general.type": nil]).warnings.isEmpty)
    #expect(
      try refusal("llama", ["split.count": .uint32(3)]).hasPrefix("split.count: expected one file, found 3; join"))
    #expect(try open("llama", ["split.count": .uint32(1)]).warnings.isEmpty)
    #expect(
      try refusal("llama", ["llama.expert_count": .uint32(8)])
        == "llama.expert_count: expected 0, found 8; mixtures of experts cannot be read")
    #expect(try refusal("llama", ["llama.attention.causal": .bool(false)]).hasPrefix("llama.attention.causal"))
    #expect(
      try refusal("llama", [:]) { $0.tensors = [] }
        == "tensors: expected weights, found none; it is a vocabulary alone")
  }

  /// A block has one size, whoever says it; TensorCore's kernels decode blocks of that size.
  @Test func typesHaveBlocksOfOneSize() {
    for type in GGUFTensorType.allCases {
      switch type.encoding {
      case .blocks(let blocks): #expect(blocks.length == type.blockLength && blocks.byteCount == type.blockBytes)
      case .plain(let plain): #expect(type.blockLength == 1 && plain.byteCount == type.blockBytes)
      case nil: continue
      }
    }
    let blocks = GGUFTensorType.allCases.compactMap { type in
      if case .blocks(let blocks) = type.encoding { blocks } else { nil }
    }
    #expect(Set(blocks) == Set(BlockType.allCases) && blocks.count == BlockType.allCases.count)
  }

  @Test func tensors() throws {
    #expect(
      try refusal("qwen2", [:]) { $0.tensors.removeAll { $0.name == Array("output_norm.weight".utf8) } }
        == "tensor output_norm.weight is missing")
    let extra = GGUFSample.Tensor("blk.0.attn_sinks.weight", [3], data: Array(repeating: 0, count: 12))
    #expect(
      try refusal("qwen2", [:]) { $0.tensors.append(extra) }
        .hasPrefix("tensor blk.0.attn_sinks.weight is not part of the model"))
    #expect(
      try refusal("qwen2", [:]) { sample in
        sample.tensors[0].type = 26
      }.contains("expected one of F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, BF16"))
    #expect(
      try refusal("qwen2", ["qwen2.feed_forward_length": .uint32(29)])
        .contains("expected shape [24, 29], found [24, 28]"))
  }

  @Test("Sizes that would take all memory", arguments: [UInt32(1) << 20, 1 << 28, 1 << 30])
  func absurdSizes(size: UInt32) throws {
    let keys = [
      "attention.head_count", "attention.key_length", "feed_forward_length", "embedding_length", "vocab_size",
    ]
    for key in keys {
      _ = try refusal("mistral", ["llama.\(key)": .uint32(size), "llama.attention.value_length": .uint32(size)])
    }
    _ = try refusal(
      "mistral",
      [
        "llama.attention.key_length": .uint32(size), "llama.attention.value_length": .uint32(size),
        "llama.rope.dimension_count": .uint32(size),
      ])
  }

  @Test func aFileIsFoundWhereverItLies() throws {
    let absent = folder.file("none.gguf")
    let missing = #expect(throws: ModelFileError.self) { try openModel(at: absent) }
    #expect("\(try #require(missing))".hasSuffix("or a .gguf file, is expected"))
    let text = try folder.write("text", to: "model.txt")
    let other = #expect(throws: ModelFileError.self) { try openModel(at: text) }
    #expect("\(try #require(other))".contains("or a .gguf file, found another file"))
  }
}
