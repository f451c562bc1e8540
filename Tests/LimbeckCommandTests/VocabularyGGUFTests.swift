import Foundation
import GGUF
import LanguageModels
import Limbeck
import TensorCore
import TestSupport
import Testing
import Tokenization

extension CommandTests {
  /// `limbeck vocabulary` of GGUF files: the layers of gguf/types, in blocks of every type, with the tokenizers of
  /// gguf_tokenizer and an embedding and a head for them.
  @Suite struct VocabularyOfGGUFFiles {
    private static let text = """
      The quick fox jumps over the lazy dog, and there he sat: aaaaaaaa!? we're\n\n\n\nhere, 日本 the\tend  of three.
      the fox had a hat.
      """
    private static let others = [
      "Another text, of 12,345 words and (other) signs", "ünï ☃ \u{1F98A} 中文中文 \u{301}", "zebra\r\n", "x",
    ]

    /// The file of a model. Without a head of its own its embedding is its head.
    private func sample(_ tokenizer: String, hasHead: Bool = true) throws -> GGUFSample {
      func file(_ path: String) throws -> GGUFFile {
        try GGUFFile(contentsOf: ModelFixture.root.appendingPathComponent("\(path).gguf"))
      }
      let vocabulary = try file("gguf_tokenizer/\(tokenizer)")
      let prefix = Array("tokenizer.".utf8)
      var sample = GGUFSample(copying: try file("gguf/types/model"))
      sample.values.removeAll { $0.key.starts(with: prefix) }
      sample.values += GGUFSample(copying: vocabulary).values.filter { $0.key.starts(with: prefix) }
      let size = try Self.tokens(of: vocabulary).count
      sample.set("llama.vocab_size", .uint32(UInt32(size)))
      sample.tensors.removeAll { ["token_embd.weight", "output.weight"].map { Array($0.utf8) }.contains($0.name) }
      var random = SeededGenerator(seed: 7)
      // of a row of 256 weights: 8 blocks of Q8_0, whose scale comes first, or one of Q6_K, whose scale comes last
      let types: [(name: String, type: UInt32, blockSize: Int, scale: Int, blocks: Int)] =
        [("token_embd.weight", 8, 34, 0, 8)] + (hasHead ? [("output.weight", 14, 210, 208, 1)] : [])
      for (name, type, blockSize, scale, blocks) in types {
        var data: [UInt8] = []
        for _ in 0..<size * blocks {
          var block = (0..<blockSize).map { _ in UInt8.random(in: .min ... .max, using: &random) }
          // 0.002 in float16
          (block[scale], block[scale + 1]) = (0x19, 0x18)
          data += block
        }
        sample.tensors.append(.init(name, [256, UInt64(size)], type: type, data: data))
      }
      return sample
    }

    private static func tokens(of file: GGUFFile) throws -> [[UInt8]] {
      guard case .array(let array)? = file.metadata["tokenizer.ggml.tokens"] else { return [] }
      return try #require(array.strings)
    }

    /// The kinds of a file's tokens, as llama.cpp numbers them.
    private static func kinds(of file: GGUFFile) throws -> [Int] {
      guard case .array(let array)? = file.metadata["tokenizer.ggml.token_type"] else { return [] }
      return try #require(array.integers).map { Int($0) }
    }

    private func reduce(_ desk: Desk, _ sample: GGUFSample) throws -> [String: Any] {
      let (model, text) = (
        try desk.write(Data(sample.bytes), to: "whole.gguf"), try desk.write(Self.text, to: "text.txt")
      )
      let outcome = try Command.run(
        "vocabulary", "--from", model, "--text", text, "--validation-text", desk.workspace.heldOut, "--output",
        desk.path("small.gguf"), "--json")
      try #require(outcome.code == 0, "\(outcome.errors)")
      return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }

    private func bytes(_ tensor: GGUFTensor, of file: GGUFFile) -> [UInt8] {
      file.file.withBytes { $0.extracting(tensor.byteRange).withUnsafeBytes { Array($0) } }
    }

    /// SentencePiece's and byte-level ones; some name ids without a token, and one takes whole words before merges.
    @Test(arguments: ["gemma", "llama", "gpt2", "qwen2", "llama3"])
    func aSmallerFileIsTheSameModel(name: String) throws {
      let desk = try Desk()
      let hasHead = name != "gpt2"
      let report = try reduce(desk, sample(name, hasHead: hasHead))
      let (oldURL, newURL) = (
        URL(fileURLWithPath: desk.path("whole.gguf")), URL(fileURLWithPath: desk.path("small.gguf"))
      )
      let (old, new) = (try LanguageModel(contentsOf: oldURL), try LanguageModel(contentsOf: newURL))
      let (oldFile, newFile) = (try GGUFFile(contentsOf: oldURL), try GGUFFile(contentsOf: newURL))
      let (oldTokens, newTokens) = (try Self.tokens(of: oldFile), try Self.tokens(of: newFile))
      let places = Dictionary(uniqueKeysWithValues: oldTokens.enumerated().map { ($1, $0) })
      let kept = try newTokens.map { try #require(places[$0]) }
      #expect(kept == kept.sorted() && kept.count < oldTokens.count && report["vocabulary"] as? Int == kept.count)
      #expect(new.configuration.vocabularySize == kept.count && new.tokenizer.vocabularySize == kept.count)

      // the text's ids map one to one, other texts come back, and no sign is lost
      let (before, after) = (old.tokenizer.encode(Self.text), new.tokenizer.encode(Self.text))
      #expect(after.map { Int32(kept[Int($0)]) } == before && report["tokens"] as? Int == before.count)
      for text in Self.others {
        #expect(new.tokenizer.decode(new.tokenizer.encode(text)) == text)
      }
      let left = Set(kept)
      // the unknown one, control ones, the user's and bytes
      for (id, kind) in try Self.kinds(of: oldFile).enumerated() where [2, 3, 4, 6].contains(kind) {
        #expect(left.contains(id), "\(String(decoding: oldTokens[id], as: UTF8.self))")
      }
      #expect(new.tokenizer.bosID.map { kept[Int($0)] } == old.tokenizer.bosID.map { Int($0) })
      #expect(new.configuration.eosTokenIDs.map { kept[$0] } == old.configuration.eosTokenIDs)

      // the origin names the model's own tokenizer
      #expect(new.tokenizer.origin?.digest == old.tokenizer.digest)
      #expect(new.tokenizer.origin?.tokenCount == old.tokenizer.vocabularySize)
      #expect(report["digest"] as? String == new.tokenizer.digest.hexadecimal)

      // rows are taken over bit for bit, and so is all else
      #expect(newFile.tensors.map(\.name) == oldFile.tensors.map(\.name))
      for (tensor, copy) in zip(oldFile.tensors, newFile.tensors) {
        let (whole, taken) = (bytes(tensor, of: oldFile), bytes(copy, of: newFile))
        #expect(tensor.type == copy.type)
        guard ["token_embd.weight", "output.weight"].contains(tensor.name) else {
          #expect(whole == taken, "\(tensor.name)")
          continue
        }
        let row = whole.count / oldTokens.count
        #expect(taken == kept.flatMap { whole[$0 * row..<($0 + 1) * row] }, "\(tensor.name)")
      }
      let ids = Array(after.prefix(24))
      let whole = logits(of: old.decoder, Array(before.prefix(24)))
      let small = logits(of: new.decoder, ids)
      let expected = ids.indices.flatMap { row in kept.map { whole[row * oldTokens.count + $0] } }
      #expect(relativeError(small, expected.map { Double($0) }) < 1e-6)
    }

    private func logits(of decoder: any DecoderModel, _ ids: [Int32]) -> [Float] {
      decoder.logits(decoder.hiddenStates(ids, batchSize: 1)).array()
    }

    /// A model of 96 MiB, so that there is time to stop.
    @Test func ctrlCLeavesNothingBehind() throws {
      let desk = try Desk()
      var sample = try sample("gpt2", hasHead: false)
      let width = 32_768
      sample.set("llama.feed_forward_length", .uint32(UInt32(width)))
      for index in sample.tensors.indices {
        let name = String(decoding: sample.tensors[index].name, as: UTF8.self)
        guard name.contains("ffn_"), !name.hasSuffix("norm.weight") else { continue }
        let dimensions = name.contains("down") ? [width, 256] : [256, width]
        let isLarge = name.hasPrefix("blk.0.")
        sample.tensors[index] = .init(
          name, dimensions.map { UInt64($0) }, type: isLarge ? 0 : 8,
          data: [UInt8](repeating: 0, count: width * 256 / 32 * (isLarge ? 128 : 34)))
      }
      let (model, text) = (
        try desk.write(Data(sample.bytes), to: "whole.gguf"), try desk.write(Self.text, to: "text.txt")
      )
      let call = try Command(["vocabulary", "--from", model, "--text", text, "--output", desk.path("small.gguf")])
      func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: desk.folder).sorted() }
      try call.send(SIGINT) { ((try? names()) ?? []).contains { $0.hasPrefix(".small.gguf") } }
      let outcome = try call.outcome()
      #expect(outcome.code == 130 && outcome.errors.contains("nothing is kept"), "\(outcome.errors)")
      #expect(try names() == ["text.txt", "whole.gguf"])
    }

    /// What would be lost, or cannot be kept, is told before anything is written.
    @Test func aFileThatWouldLoseASignIsRefused() throws {
      let desk = try Desk()
      let text = try desk.write(Self.text, to: "text.txt")
      var kinds = try Self.kinds(
        of: GGUFFile(contentsOf: ModelFixture.root.appendingPathComponent("gguf_tokenizer/llama.gguf")))
      kinds[10] = 1
      // one of the byte tokens is a normal one
      var damaged = try sample("llama")
      damaged.set("tokenizer.ggml.token_type", .array(of: 5, kinds.map { GGUFSample.bytes(Int32($0)) }))
      let model = try desk.write(Data(damaged.bytes), to: "whole.gguf")
      let outcome = try Command.run("vocabulary", "--from", model, "--text", text, "--output", desk.path("new.gguf"))
      let sentence = "tokenizer.ggml.token_type: expected a token for each of the 256 bytes, found none for <0x07>"
      #expect(outcome.code == 1 && outcome.errors.contains(sentence), "\(outcome.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: desk.folder).count == 2)
      let whole = try desk.write(Data(try sample("llama").bytes), to: "whole.gguf")
      let kind = try Command.run("vocabulary", "--from", whole, "--text", text, "--output", desk.path("new"))
      #expect(kind.code == 64 && kind.errors.contains("expected a .gguf file, as the model is"), "\(kind.errors)")
    }
  }
}
