import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("Token files") struct TokenFileTests {
  private let folder: TemporaryFolder
  private let text: URL
  private let tokens: URL
  private let tokenizer = Trained.unigram

  init() throws {
    folder = try TemporaryFolder()
    text = try folder.write(Array("ba lo\n\nmi".utf8), to: "1.txt")
    try folder.write(
      Array("{\"prompt\": \"ter\", \"completion\": \"qua an\"}\n{\"text\": \"lo\"}\n".utf8), to: "2.jsonl")
    tokens = folder.url.appendingPathComponent("run/tokens")
  }

  private func open() throws -> TokenFile {
    try TokenFile.open(for: Corpus(paths: [folder.url.path]), tokenizer: tokenizer, in: tokens)
  }

  @Test("Documents lie between BOS and EOS; prompts and BOS do not count")
  func layout() throws {
    let file = try open()
    let (first, prompt, completion, last) = (
      tokenizer.encode("ba lo\n\nmi"), tokenizer.encode("ter"), tokenizer.encode("qua an"), tokenizer.encode("lo")
    )
    let expected: [Int32] = [1] + first + [2, 1] + prompt + completion + [2, 1] + last + [2]
    #expect(file.ids(0..<file.count) == expected)
    #expect(expected.indices.map { file[$0] } == expected)
    let uncounted = (0..<file.count).filter { !file.countsInLoss($0) }
    let second = first.count + 2
    #expect(uncounted == [0] + Array(second...second + prompt.count) + [file.count - last.count - 2])
    #expect((0..<file.count).filter(file.beginsDocument) == [0, second, file.count - last.count - 2])
    #expect(file.countedTokens == file.count - uncounted.count)
    #expect(file.counts == TextCounts(bytes: 9 + 6 + 2, words: 3 + 2 + 1, documents: 3))
    var some: [Int32] = [9, 9, 9, 9]
    file.copy(1..<3, into: &some, at: 1)
    #expect(some == [9, expected[1], expected[2], 9])
  }

  @Test("A chat is one document, whatever its template puts between the turns; other templates have other files")
  func chats() throws {
    let row = #"{"messages": [{"role": "user", "content": "ba"}, {"role": "assistant", "content": "lo"}]}"#
    var corpus = try Corpus(paths: [folder.write(row + "\n" + row, to: "chats.jsonl").path])
    let turn = ChatFormat.Turn(prefix: "<s>", suffix: "</s>")
    corpus.chatFormat = ChatFormat(system: turn, user: turn, assistant: turn)
    let file = try TokenFile.open(for: corpus, tokenizer: tokenizer, in: tokens)
    #expect(file.ids(0..<file.count).count { $0 == tokenizer.bosID } == 4)
    #expect((0..<file.count).filter(file.beginsDocument) == [0, file.count / 2])
    corpus.chatFormat = .plain
    #expect(try TokenFile.open(for: corpus, tokenizer: tokenizer, in: tokens).url != file.url)
    corpus.chatFormat = nil
    #expect(throws: TokenizationError.self) { try TokenFile.open(for: corpus, tokenizer: tokenizer, in: tokens) }
  }

  @Test("A tokenizer without BOS and EOS gets no separators")
  func noSeparators() throws {
    let bare = try TokenizerTrainer(TokenizerTrainingOptions(vocabularySize: 380, bosID: nil, eosID: nil))
      .train(on: [Trained.text])
    let file = try TokenFile.open(for: Corpus(paths: [text.path]), tokenizer: bare, in: tokens)
    #expect(file.ids(0..<file.count) == bare.encode("ba lo\n\nmi"))
    #expect(file.countedTokens == file.count)
  }

  @Test("What did not change is reused; changed text or another tokenizer is not")
  func reuse() throws {
    let first = try open()
    #expect(!first.wasReused)
    let second = try open()
    #expect(second.wasReused && second.url == first.url)
    let other = try TokenFile.open(for: Corpus(paths: [folder.url.path]), tokenizer: Trained.bpe, in: tokens)
    #expect(!other.wasReused && other.url != first.url)
    try folder.write(Array("ba lo\n\nmo".utf8), to: "1.txt")
    let changed = try open()
    #expect(!changed.wasReused)
    // The old one, still mapped, is as it was.
    #expect(first.ids(0..<first.count) == second.ids(0..<second.count))
    // Nothing but the three files is left behind.
    #expect(try FileManager.default.contentsOfDirectory(atPath: tokens.path).count == 3)
  }

  @Test("A text that cannot be read leaves nothing behind")
  func interrupted() throws {
    try folder.write([0xFF], to: "3.txt")
    #expect(throws: TokenizationError.self) { try open() }
    #expect(try FileManager.default.contentsOfDirectory(atPath: tokens.path).isEmpty)
  }

  @Test("A folder that cannot be made is an error that names it")
  func unwritable() throws {
    let inFile = text.appendingPathComponent("tokens")
    let corpus = try Corpus(paths: [text.path])
    let error = #expect(throws: TokenizationError.self) {
      try TokenFile.open(for: corpus, tokenizer: tokenizer, in: inFile)
    }
    guard case .cacheFolder(inFile.path, _) = error, error?.description.contains("LIMBECK_CACHE") == true else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("Progress ends at the size of the text")
  func progress() throws {
    var seen: [(Int, Int)] = []
    let corpus = try Corpus(paths: [folder.url.path])
    _ = try TokenFile.open(for: corpus, tokenizer: tokenizer, in: tokens) { seen.append(($0.bytesDone, $0.bytesTotal)) }
    #expect(seen.last.map { $0.0 == corpus.byteCount && $0.1 == corpus.byteCount } == true)
  }

  @Test("Another tokenizer's file is refused")
  func anotherTokenizer() throws {
    let url = try open().url
    let error = TokenizationError.tokenFileOfAnotherTokenizer(
      file: url.path, expected: Trained.bpe.digest, found: tokenizer.digest)
    #expect(throws: error) { try TokenFile(contentsOf: url, tokenizer: Trained.bpe) }
  }

  @Test("Damage is found, named, and not overwritten")
  func damage() throws {
    let url = try open().url
    let sound = try Data(contentsOf: url)
    let id = TokenFileHeader.size + 8
    func with(_ value: UInt32, at offset: Int) -> Data {
      var data = sound
      withUnsafeBytes(of: value.littleEndian) { data.replaceSubrange(offset..<offset + 4, with: $0) }
      return data
    }
    let vocabularySize = UInt32(tokenizer.vocabularySize)
    let cases: [(String, Data)] = [
      ("does not start", Data()), ("does not start", sound.prefix(100)), ("does not start", with(0, at: 0)),
      ("does not start", with(.max, at: 140)), ("truncated", sound.dropLast(1)), ("truncated", sound.dropLast(4)),
      ("truncated", sound + Data(count: 4)), ("truncated", with(1 << 30, at: 136)), ("counted ids", with(3, at: 144)),
      ("id \(vocabularySize) at position 2, but the vocabulary has \(vocabularySize)", with(vocabularySize, at: id)),
      ("id \(UInt32.max >> 2) at position 2", with(.max, at: id)), ("counted ids", with(5 | 1 << 31, at: id)),
    ]
    for (reason, data) in cases {
      try data.write(to: url)
      let error = #expect(throws: TokenizationError.self) { try open() }
      guard case .corruptTokenFile(url.path, let found) = error else {
        Issue.record("\(reason): \(String(describing: error))")
        continue
      }
      #expect(found.contains(reason), "\(found)")
      #expect(try Data(contentsOf: url) == data)
    }
    try FileManager.default.removeItem(at: url)
    #expect(try !open().wasReused)
  }
}
