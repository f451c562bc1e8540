import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("A second kind of tokenizer goes the same ways") struct SecondTokenizerTests {
  private let tokenizer = ByteTokenizer()

  @Test("Text comes back, in one piece or in parts of any size")
  func encoding() throws {
    var generator = RepeatableGenerator(seed: 41)
    // The pairs stand where texts would be cut.
    let text = String(repeating: "the \n\n", count: 2000) + randomUnicode(length: 2000, using: &generator)
    let ids = tokenizer.encode(text)
    #expect(ids.contains(258) && ids.contains(260))
    #expect(tokenizer.decode(ids).utf8.elementsEqual(text.utf8))
    #expect(tokenizer.decodeBytes(ids) == Array(text.utf8))
    #expect(tokenizer.encode(["the", "", text]) == [[258, 101], [], ids])
    for size in [1, 1000, 1 << 20] {
      var encoder = StreamingEncoder(tokenizer, name: "text")
      var rest = Array(text.utf8)[...]
      var found: [Int32] = []
      while !rest.isEmpty {
        found += try encoder.append(Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
      }
      #expect(try found + encoder.finish() == ids)
    }
  }

  @Test("A character is shown when it is complete")
  func streamingDecoder() {
    var decoder = StreamingDecoder(tokenizer, after: tokenizer.encode("the "))
    #expect(Array("é!".utf8).map { decoder.append(Int32($0)) } == ["", "é", "!"])
    #expect(decoder.append(0xF0) + decoder.append(259) + decoder.finish() == "\u{FFFD}e ")
  }

  @Test("A token file has its BOS, EOS and ids, and is no other tokenizer's")
  func tokenFile() throws {
    let folder = try TemporaryFolder()
    let text = try folder.write(#"{"prompt": "the t", "completion": "he "}"#, to: "text.jsonl")
    let corpus = try Corpus(paths: [text.path])
    let file = try TokenFile.open(for: corpus, tokenizer: tokenizer, in: folder.url)
    #expect(file.ids(0..<file.count) == [256, 258, 259, 116, 104, 259, 257])
    #expect((0..<file.count).map(file.countsInLoss) == [false, false, false, false, true, true, true])
    #expect(try TokenFile.open(for: corpus, tokenizer: tokenizer, in: folder.url).wasReused)
    #expect(
      throws: TokenizationError.tokenFileOfAnotherTokenizer(
        file: file.url.path, expected: Trained.bpe.digest, found: tokenizer.digest)
    ) { try TokenFile(contentsOf: file.url, tokenizer: Trained.bpe) }
  }

  @Test("Its difference from others of its kind and of another one is named")
  func differences() throws {
    func difference(_ teacher: any Tokenizer, _ student: any Tokenizer) -> TokenizerDifference? {
      do throws(TokenizationError) {
        try requireSameTokenizer(teacher, student)
      } catch .tokenizersDiffer(let difference) {
        return difference
      } catch {
        Issue.record("\(error)")
      }
      return nil
    }
    #expect(difference(tokenizer, ByteTokenizer()) == nil)
    #expect(
      difference(tokenizer, ByteTokenizer(pairs: ["th", "en", "\n\n"]))
        == .token(id: 259, teacher: "\"e \" (bytes 101 32)", student: "\"en\" (bytes 101 110)"))
    #expect(
      difference(tokenizer, ByteTokenizer(pairs: ["th", "e "])) == .vocabularySize(teacher: 261, student: 260))
    #expect(
      difference(tokenizer, Trained.bpe)
        == .token(id: 0, teacher: "\"\\0\" (bytes 0)", student: "\"<unk>\" (kind unknown, score 0.0)"))
    // The letter with its accent and the same letter and accent apart are equal as strings.
    #expect(
      difference(Settings(unknown: "e\u{301}"), Settings(unknown: "é")).map {
        if case .setting(name: "the digest", _, _) = $0 { true } else { false }
      } == true)
    #expect(
      difference(tokenizer, Settings(unknown: "x")) == .setting(name: "unknown", teacher: "absent", student: "x"))
  }

  /// A tokenizer that differs in what else turns text into ids.
  private struct Settings: Tokenizer {
    let unknown: String
    private let bytes = ByteTokenizer()

    init(unknown: String) { self.unknown = unknown }

    var vocabularySize: Int { bytes.vocabularySize }
    var bosID: Int32? { bytes.bosID }
    var eosID: Int32? { bytes.eosID }
    var padID: Int32? { nil }
    var unknownID: Int32? { nil }
    var isLossless: Bool { true }
    func spelling(of id: Int32) -> String { bytes.spelling(of: id) }
    func text(of id: Int32) -> String { bytes.text(of: id) }
    func details(of id: Int32) -> [TokenizerFact] { bytes.details(of: id) }
    var settings: [TokenizerFact] { bytes.settings + [TokenizerFact("unknown", unknown)] }
    func encode(_ batch: TextBatch, threads: Int) -> EncodedBatch { bytes.encode(batch, threads: threads) }
    func moveToCut(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool { bytes.moveToCut(&place, in: text) }
    func makeDecoder(repairsUTF8: Bool) -> any TokenDecoder { bytes.makeDecoder(repairsUTF8: repairsUTF8) }
    var digest: TokenizerDigest { TokenizerDigest(hexadecimal: Digest.sha256(of: Data(unknown.utf8))) }
    var files: [NamedFile] { [] }
  }
}

@Suite("Prompts and completions") struct PromptTests {
  private static let tokenizers: [(String, any Tokenizer)] =
    Trained.all.map { ($0.0, $0.1) } + [("bytes", ByteTokenizer())]

  @Test("A prompt has the ids of a text, its completion goes on from it", arguments: 0..<Self.tokenizers.count)
  func joined(_ index: Int) {
    let (name, tokenizer) = Self.tokenizers[index]
    let long = inventedText(sentences: 300, seed: 42)
    for (prompt, completion) in [("ba lo", " mi"), ("ba", "lo"), ("", "ba lo"), ("ba", ""), ("", ""), (long, long)] {
      let ids = tokenizer.encode(prompt: prompt.utf8, completion: completion.utf8)
      #expect(ids.prompt == tokenizer.encode(prompt), "\(name)")
      #expect(tokenizer.encode(prompts: ["x", prompt])[1] == [tokenizer.bosID].compactMap(\.self) + ids.prompt)
      if tokenizer.isLossless { #expect(ids.completion == tokenizer.encode(completion), "\(name)") }
      var decoder = StreamingDecoder(tokenizer, after: ids.prompt)
      let text = ids.completion.map { decoder.append($0) }.joined() + decoder.finish()
      // What such a tokenizer does not give back of any text, it does not give back here.
      let isLossy = ["spaces removed", "no bytes"].contains(name)
      #expect(isLossy || prompt.isEmpty || text == completion, "\(name)")
    }
  }

  @Test("Nothing is put in front of a completion")
  func prefix() throws {
    let ids = Trained.withPrefix.encode(prompt: "lo".utf8, completion: "lo".utf8)
    #expect(Trained.withPrefix.spelling(of: try #require(ids.prompt.first)).hasPrefix("\u{2581}"))
    #expect(!Trained.withPrefix.spelling(of: try #require(ids.completion.first)).hasPrefix("\u{2581}"))
  }
}
