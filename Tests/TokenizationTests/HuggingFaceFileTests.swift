import DurableFiles
import Foundation
import Testing

@testable import Tokenization

/// That transformers has our ids with these files was checked with transformers 4.57 and 5.24
/// (Tests/Fixtures/README.md); here is what they must say.
@Suite("Files for Hugging Face beside a tokenizer") struct HuggingFaceFileTests {
  private func members(_ tokenizer: SentencePieceTokenizer, _ name: String) throws -> [String: JSONValue] {
    let file = try #require(tokenizer.huggingFaceFiles.first { $0.name == name })
    guard case .object(let members) = try JSONValue(parsing: Array(file.contents), file: name) else { return [:] }
    return members
  }

  private func object(_ value: JSONValue?) -> [String: JSONValue] {
    if case .object(let members) = value { members } else { [:] }
  }

  private func array(_ value: JSONValue?) -> [JSONValue] {
    if case .array(let elements) = value { elements } else { [] }
  }

  @Test("Special tokens, and that text is never taken for one", arguments: 0..<Trained.all.count)
  func configuration(_ index: Int) throws {
    let tokenizer = Trained.all[index].1
    let configuration = try members(tokenizer, "tokenizer_config.json")
    #expect(configuration["tokenizer_class"] == .string("PreTrainedTokenizerFast"))
    #expect(configuration["bos_token"] == .string("<s>") && configuration["eos_token"] == .string("</s>"))
    #expect(configuration["split_special_tokens"] == .bool(true))
    #expect((configuration["pad_token"] != nil) == (tokenizer.padID != nil))
    let whole = try members(tokenizer, "tokenizer.json")
    let template = object(whole["post_processor"])
    #expect(template["type"] == .string("TemplateProcessing"))
    #expect(object(object(template["special_tokens"])["<s>"])["ids"] == .array([.integer(1)]))
  }

  @Test("Every piece has its id", arguments: 0..<Trained.all.count)
  func vocabulary(_ index: Int) throws {
    let tokenizer = Trained.all[index].1
    let model = object(try members(tokenizer, "tokenizer.json")["model"])
    #expect(model["byte_fallback"] == .bool(tokenizer.proto.byteFallback))
    if model["type"] == .string("BPE") {
      let ids = object(model["vocab"])
      #expect(ids.count == tokenizer.vocabularySize)
      for id in 0..<Int32(tokenizer.vocabularySize) { #expect(ids[tokenizer.spelling(of: id)] == .integer(Int(id))) }
      // each merge makes a piece, and the best ones come first
      var last = Float.infinity
      for case .string(let merge) in array(model["merges"]) {
        let id = try #require(tokenizer.id(ofPiece: merge.replacing(" ", with: "")))
        #expect(tokenizer.score(id) <= last)
        last = tokenizer.score(id)
      }
    } else {
      let vocabulary = array(model["vocab"])
      #expect(vocabulary.count == tokenizer.vocabularySize && model["unk_id"] == .integer(0))
      for (id, entry) in zip(Int32(0)..., vocabulary) {
        #expect(array(entry).first == .string(tokenizer.spelling(of: id)))
      }
    }
  }

  @Test("Normalisation is the tokenizer's")
  func normalizers() throws {
    func types(_ tokenizer: SentencePieceTokenizer, _ key: String, _ list: String) throws -> [JSONValue?] {
      array(object(try members(tokenizer, "tokenizer.json")[key])[list]).map { object($0)["type"] }
    }
    #expect(try types(Trained.unigram, "normalizer", "normalizers") == [.string("Replace")])
    #expect(try types(Trained.withPrefix, "normalizer", "normalizers") == [.string("Prepend"), .string("Replace")])
    #expect(
      try types(Trained.removingSpaces, "normalizer", "normalizers")
        == [.string("Replace"), .string("Replace"), .string("Prepend"), .string("Replace")])
    #expect(try types(Trained.withPrefix, "decoder", "decoders").last == .string("Strip"))
    #expect(try types(Trained.unigram, "decoder", "decoders").last == .string("Fuse"))
    // of a user's symbols only those that need care are added tokens
    let added = array(try members(Trained.withManySymbols, "tokenizer.json")["added_tokens"])
    let contents = added.compactMap { token -> String? in
      if case .string(let content) = object(token)["content"] { content } else { nil }
    }
    #expect(contents.contains("<user>") && contents.contains("\n\n") && contents.contains("<s>"))
  }
}
