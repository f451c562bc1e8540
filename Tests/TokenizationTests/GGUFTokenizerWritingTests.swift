import DurableFiles
import Foundation
import GGUF
import TestSupport
import Testing

@testable import Tokenization

/// Tokenizers written into GGUF files, and read back.
@Suite("Tokenizers into GGUF files") struct GGUFTokenizerWritingTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A file with a tokenizer and special ids, as a model's.
  private func written(_ tokenizer: any Tokenizer, outputs: Int? = nil) throws -> (url: URL, GGUFTokenizerMetadata) {
    let metadata = try tokenizer.metadataInGGUF(outputs: outputs ?? tokenizer.vocabularySize)
    var values = metadata.values
    let ids = [("bos", tokenizer.bosID), ("eos", tokenizer.eosID), ("padding", tokenizer.padID)]
    for (name, id) in ids {
      if let id { values.append(("tokenizer.ggml.\(name)_token_id", .uint32(UInt32(id)))) }
    }
    let url = folder.file("\(UUID().uuidString).gguf")
    try GGUFWriter(replacing: url, metadata: values, tensors: []).commit()
    return (url, metadata)
  }

  private func reading(_ tokenizer: any Tokenizer) throws -> any Tokenizer {
    let (url, metadata) = try written(tokenizer)
    let read = try loadTokenizer(from: url)
    try metadata.requireSameIDs(of: read, as: tokenizer, file: "file.gguf")
    return read
  }

  @Test(
    "A file that is written again is the same tokenizer",
    arguments: GGUFTokenizerFixture.sentencePiece + GGUFTokenizerFixture.byteLevel)
  func again(_ name: String) throws {
    let original = try loadTokenizer(from: GGUFTokenizerFixture.file(name))
    let read = try reading(original)
    #expect(read.digest == original.digest && read.settings == original.settings)
    #expect(read.bosID == original.bosID && read.eosID == original.eosID && read.padID == original.padID)
    for text in try GGUFTokenizerFixture.read().texts(of: name) {
      #expect(read.encode(text) == original.encode(text), "\(text.prefix(80))")
    }
    #expect(ChatTemplateText(of: read)?.text == ChatTemplateText(of: original)?.text)
  }

  @Test("Files of Hugging Face are the same tokenizer", arguments: ["gpt2", "smollm", "qwen2", "llama3"])
  func byteLevel(_ name: String) throws {
    let original = try ByteLevelFixture(name: name).tokenizer()
    let read = try reading(original)
    let texts = try ByteLevelFixture.texts().filter {
      $0.utf8.elementsEqual($0.precomposedStringWithCanonicalMapping.utf8)
    }
    for text in texts { #expect(read.encode(text) == original.encode(text), "\(text.prefix(80))") }
    let normalizes = original.settings.contains { $0.value == "NFC" }
    #expect(try written(original).1.warnings.contains { $0.contains("form C") } == normalizes)
  }

  @Test("A SentencePiece BPE of one's own is the same tokenizer, to which special tokens in text are text")
  func ownBPE() throws {
    let text = String(repeating: "The fox had a lamp, and  there it was: 12,345!\n", count: 80)
    let options = TokenizerTrainingOptions(algorithm: .bpe, vocabularySize: 300)
    let original = try TokenizerTrainer(options).train(on: [text])
    let read = try reading(original)
    for id in 0..<Int32(original.vocabularySize) { #expect(read.details(of: id) == original.details(of: id)) }
    let texts = "fox  lamp ▁ é☃\n<s>the</s>"
    #expect(read.encode(texts) == original.encode(texts) && read.decode(read.encode(texts)) == texts)
    #expect(read.digest == original.digest && read.settings == original.settings)
  }

  @Test("Ids beyond the tokenizer's have names that are no tokens")
  func padding() throws {
    let original = try loadTokenizer(from: GGUFTokenizerFixture.file("llama"))
    let (url, _) = try written(original, outputs: original.vocabularySize + 7)
    guard case .array(let tokens)? = try GGUFFile(contentsOf: url).metadata["tokenizer.ggml.tokens"] else { return }
    #expect(tokens.count == original.vocabularySize + 7)
    let read = try loadTokenizer(from: url)
    #expect(read.vocabularySize == original.vocabularySize && read.digest == original.digest)
  }

  private func refusal(_ tokenizer: any Tokenizer) -> String {
    let error = #expect(throws: TokenizationError.self) {
      _ = try tokenizer.metadataInGGUF(outputs: tokenizer.vocabularySize)
    }
    return error?.description ?? ""
  }

  @Test("What llama.cpp would do otherwise is refused, and unigram models with a way out")
  func refusals() throws {
    let unigram = try loadTokenizer(from: Folders.project.appendingPathComponent("tokenizers/austen-2048.model"))
    #expect(
      refusal(unigram).hasPrefix("the tokenizer: model_type: expected BPE, found unigram")
        && refusal(unigram).hasSuffix("limbeck tokenizer train --algorithm bpe, and train with that"))
    #expect(
      refusal(try ByteLevelFixture(name: "prefix_space").tokenizer()).contains("add_prefix_space: expected false"))
    #expect(refusal(try ByteLevelFixture(name: "unknown").tokenizer()).contains("expected"))
    #expect(refusal(ByteTokenizer()).contains("kind: expected SentencePiece's BPE or byte-level BPE"))
    let merges = try ByteLevelFixture(name: "gpt2").tokenizer(["model.ignore_merges": .bool(true)], in: folder)
    #expect(refusal(merges).contains("ignore_merges: expected false"))
  }

  @Test("The normaliser of a SentencePiece model is not left out in silence")
  func normaliser() throws {
    func refusal(_ change: (inout TokenizerTrainingOptions) -> Void) throws -> String {
      var options = TokenizerTrainingOptions(algorithm: .bpe, vocabularySize: 300)
      change(&options)
      return self.refusal(try TokenizerTrainer(options).train(on: [text]))
    }
    let text = String(repeating: "The fox had a lamp, and there it was.\n", count: 80)
    var removing = TokenizerTrainingOptions(algorithm: .bpe, vocabularySize: 300, addsDummyPrefix: true)
    removing.removesExtraWhitespace = true
    let original = try TokenizerTrainer(removing).train(on: [text])
    let read = try reading(original)
    #expect(try written(original).1.warnings.count == 1)
    #expect(read.encode("The fox") == original.encode("The fox") && read.encode(" a  b ") != original.encode(" a  b "))
    #expect(
      try refusal {
        $0.byteFallback = false
        $0.vocabularySize = 40
      }.contains("byte_fallback: expected true"))
    #expect(try refusal { $0.normalizationRule = "nmt_nfkc" }.contains("precompiled_charsmap: expected none"))
  }

  @Test("A tokenizer that is another one after all is told by the first text")
  func probe() throws {
    let (one, other) = (
      try loadTokenizer(from: GGUFTokenizerFixture.file("gpt2")),
      try loadTokenizer(from: GGUFTokenizerFixture.file("smollm"))
    )
    let metadata = try one.metadataInGGUF(outputs: one.vocabularySize)
    let error = #expect(throws: TokenizationError.self) {
      try metadata.requireSameIDs(of: other, as: one, file: "x.gguf")
    }
    #expect(error?.description.hasPrefix("x.gguf: the tokenizer: expected [") == true)
  }
}
