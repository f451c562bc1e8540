import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("Corpora") struct CorpusTests {
  @Test("A folder stands for the text files in it, sorted by path, hidden ones left out")
  func folder() throws {
    let folder = try TemporaryFolder()
    for name in [
      "b.txt", "a/z.md", "a/B.TXT", "c.jsonl", "d.pdf", ".hidden.txt", ".git/e.txt", "a.text", "a/.x/y.txt",
      "e.json", "f.ndjson", "g.csv.gz", "h",
    ] {
      try folder.write(Array("x".utf8), to: name)
    }
    try FileManager.default.createDirectory(
      at: folder.url.appendingPathComponent("folder.txt"), withIntermediateDirectories: true)
    let corpus = try Corpus(paths: [folder.url.path])
    let names = corpus.sources.map { String($0.name.dropFirst(folder.url.path.count + 1)) }
    #expect(names == ["a.text", "a/B.TXT", "a/z.md", "b.txt", "c.jsonl", "e.json", "f.ndjson"])
    #expect(corpus.sources.map(\.format) == [.plain, .plain, .plain, .plain, .jsonLines, .json, .jsonLines])
    #expect(corpus.byteCount == 7)
    #expect(corpus.leftOut.map { $0.path.suffix(2) } == ["df", "gz", "/h"])
    // A file that is named is taken, whatever its name.
    let named = try Corpus(paths: [folder.url.appendingPathComponent("d.pdf").path, folder.url.path])
    #expect(named.sources.count == 8 && named.sources[0].file?.lastPathComponent == "d.pdf")
  }

  @Test("Two files whose names differ in the spelling of an accent are two") func spellings() throws {
    let folder = try TemporaryFolder()
    for name in ["\u{E9}.txt", "e\u{301}.txt"] { try folder.write(Array(name.utf8), to: name) }
    let corpus = try Corpus(paths: [folder.url.path])
    #expect(corpus.sources.count == 2 && corpus.leftOut.isEmpty)
  }

  @Test("Missing files and folders without text are named")
  func missing() throws {
    let folder = try TemporaryFolder()
    #expect(throws: TokenizationError.noTextFiles(folder: folder.url.path, leftOut: [])) {
      try Corpus(paths: [folder.url.path])
    }
    #expect(throws: TokenizationError.noTextFiles(folder: "(no path)", leftOut: [])) { try Corpus(paths: []) }
    let path = folder.url.appendingPathComponent("none.txt").path
    let error = #expect(throws: TokenizationError.self) { try Corpus(paths: [path]) }
    #expect(error?.description.contains("none.txt: cannot be read") == true)
  }

  @Test("An empty file is an error that names it", arguments: ["empty.txt", "empty.jsonl"])
  func empty(_ name: String) throws {
    let folder = try TemporaryFolder()
    let file = try folder.write([], to: name)
    let corpus = try Corpus(paths: [file.path])
    #expect(throws: TokenizationError.emptyText(file: file.path)) { try Trained.unigram.tokens(of: corpus) }
    let blank = try folder.write(Array("\n \n{\"text\": \"\"}\n".utf8), to: "blank.jsonl")
    let blankCorpus = try Corpus(paths: [blank.path])
    #expect(throws: TokenizationError.emptyText(file: blank.path)) { try Trained.unigram.tokens(of: blankCorpus) }
  }

  @Test("A file of a byte order mark alone says so", arguments: ["mark.txt", "mark.jsonl"])
  func mark(_ name: String) throws {
    let folder = try TemporaryFolder()
    let file = try folder.write([0xEF, 0xBB, 0xBF], to: name)
    let error = #expect(throws: TokenizationError.self) {
      try Trained.unigram.tokens(of: Corpus(paths: [file.path]))
    }
    let text = try #require(error).description
    #expect(text.hasPrefix("\(file.path): expected text") && text.contains("found a byte order mark and nothing else"))
  }

  /// Every way in which UTF-8 can be broken, and the offset of the byte that cannot be.
  @Test(
    "Text that is not UTF-8 is an error with the byte and the line",
    arguments: [
      ([0xFF], 0), ([0x80], 0), ([0xC0, 0x80], 0), ([0xC1, 0xBF], 0), ([0xC3, 0x28], 1), ([0xE0, 0x80, 0x80], 1),
      ([0xED, 0xA0, 0x80], 1), ([0xF0, 0x80, 0x80, 0x80], 1), ([0xF4, 0x90, 0x80, 0x80], 1), ([0xF5], 0),
      ([0xE2, 0x82, 0x41], 2), ([0xC3], 1), ([0xF0, 0x9F, 0x98], 3),
    ] as [([UInt8], Int)])
  func notUTF8(_ bytes: [UInt8], _ offset: Int) throws {
    let folder = try TemporaryFolder()
    // Before and after the border of the parts in which files are read.
    for before in ["", "one\ntwo — 😀\n", String(repeating: "line\n", count: 209_715)] {
      let file = try folder.write(Array(before.utf8) + bytes, to: "text.txt")
      let error = TokenizationError.notUTF8(
        file: file.path, byteOffset: before.utf8.count + offset, line: before.count { $0 == "\n" } + 1)
      let corpus = try Corpus(paths: [file.path])
      #expect(throws: error) { try Trained.unigram.tokens(of: corpus) }
    }
    let line = try folder.write(
      Array("{\"text\": \"a\"}\n{\"text\": \"".utf8) + bytes + Array("\"}\n".utf8), to: "x.jsonl")
    let corpus = try Corpus(paths: [line.path])
    let error = #expect(throws: TokenizationError.self) { try Trained.unigram.tokens(of: corpus) }
    guard case .notUTF8(line.path, _, 2) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("Every valid character is accepted")
  func valid() {
    var validator = UTF8Validator()
    for value in UInt32(0)...0x10FFFF {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let bytes = Array(String(scalar).utf8)
      guard validator.firstInvalid(in: bytes.span.bytes) == nil, !validator.isInsideCharacter else {
        Issue.record("U+\(String(value, radix: 16)) refused")
        return
      }
    }
  }

  @Test("Words are what white space separates")
  func words() {
    for (text, words) in [
      ("", 0), (" \n\t", 0), ("one", 1), (" one  two\nthree\r\n", 3), ("a\u{A0}b\u{2003}c\u{85}d", 4),
      ("中 文\u{3000}字", 3),
    ] {
      for size in 1...3 {
        var counter = WordCounter()
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
          counter.add(Array(rest.prefix(size)).span.bytes)
          rest = rest.dropFirst(size)
        }
        #expect(counter.words == words, "\(text.debugDescription)")
      }
    }
  }

  @Test("Files are read in parts with the ids of the whole text", arguments: 0..<Trained.all.count)
  func stream(_ index: Int) throws {
    let (name, tokenizer) = Trained.all[index]
    let folder = try TemporaryFolder()
    let long = String(repeating: inventedText(sentences: 2000, seed: 21) + "中文😀 ", count: 12)
    #expect(long.utf8.count > 1 << 20)
    try folder.write(Array(long.utf8), to: "1.txt")
    try folder.write(Array("ba lo".utf8), to: "2.txt")
    var done: [Int] = []
    let corpus = try Corpus(paths: [folder.url.path])
    let text = try tokenizer.tokens(of: corpus) { done.append($0.bytesDone) }
    #expect(text.ids == tokenizer.encode(long) + tokenizer.encode("ba lo"), "\(name)")
    #expect(text.counts.bytes == long.utf8.count + 5)
    #expect(text.counts.words == long.split(whereSeparator: \.isWhitespace).count + 2)
    #expect(text.counts.documents == 2)
    #expect(done == done.sorted() && done.last == corpus.byteCount)
  }

  @Test("JSON Lines: text, prompt and completion, other keys, escapes")
  func jsonLines() throws {
    let folder = try TemporaryFolder()
    let lines = """
      {"text": "ba\\nlo", "id": 7}

      {"prompt": "mi", "completion": " ter"}\r
      {"prompt": "", "completion": "qua"}
      {"text": "\\u00e9"}
      """
    let file = try folder.write(Array(lines.utf8), to: "x.jsonl")
    let tokenizer = Trained.unigram
    let text = try tokenizer.tokens(of: Corpus(paths: [file.path]))
    #expect(tokenizer.decode(text.ids) == "ba\nlomi terquaé")
    #expect(text.counts.documents == 4)
    #expect(text.counts.words == 5 && text.counts.bytes == 14)
    #expect(text.documents.map(\.countedTokens).reduce(0, +) < text.ids.count)
    let prompts = try tokenizer.tokens(of: Corpus(paths: [file.path], counting: .prompts))
    #expect(prompts.ids == text.ids && prompts.counts.words == 6 && prompts.counts.bytes == 16)
    #expect(prompts.documents.map(\.countedTokens).reduce(0, +) == text.ids.count)
    let renamed = try folder.write(Array("{\"q\": \"ba\", \"a\": \"lo\", \"text\": 3}".utf8), to: "y.jsonl")
    let keys = JSONLinesKeys(text: "none", prompt: "q", completion: "a")
    #expect(try tokenizer.decode(tokenizer.tokens(of: Corpus(paths: [renamed.path], keys: keys)).ids) == "balo")
  }

  @Test("Numbers that are not finite are as good as absent, wherever they stand")
  func nonFinite() throws {
    let folder = try TemporaryFolder()
    let line = """
      {"text": "ba", "a": NaN, "b": [1e999, -Infinity, {"c": Infinity}], "prompt": NaN, "completion": NaN}
      {"text": NaN, "prompt": "lo", "completion": "mi"}
      """
    let file = try folder.write(Array(line.utf8), to: "x.jsonl")
    let text = try Trained.unigram.tokens(of: Corpus(paths: [file.path]))
    #expect(Trained.unigram.decode(text.ids) == "balomi" && text.counts.documents == 2)
  }

  @Test("Of a text and a completion in one row, the one whose key is named is meant")
  func preferred() throws {
    let folder = try TemporaryFolder()
    let rows =
      "{\"text\": \"ba\", \"prompt\": \"lo\", \"completion\": \"mi\"}\n{\"text\": \"ter\", \"completion\": 7}\n"
    let file = try folder.write(Array(rows.utf8), to: "x.jsonl")
    func text(_ preferred: JSONLinesKeys.RowKind?, upTo rows: Int = 2) throws -> String {
      let keys = JSONLinesKeys(preferred: preferred)
      let text = try Trained.unigram.tokens(of: Corpus(paths: [file.path], keys: keys))
      return Trained.unigram.decode(text.ids)
    }
    #expect(try text(.text) == "bater")
    #expect(try text(.completion) == "lomiter")
    let error = #expect(throws: TokenizationError.self) { try text(nil) }
    #expect(error.map { "\($0)" }?.contains("found all of them; say which are meant with --text-field") == true)
  }

  @Test("Names say what rows are and what is refused; those of links are their targets'")
  func names() throws {
    let folder = try TemporaryFolder()
    let row = Array("{\"text\": \"ba\"}\n".utf8)
    for name in ["a.jsonlines", "a.jl", "a.NDJSON"] {
      let file = try folder.write(row, to: name)
      #expect(try TextSource(file: file).format == .jsonLines, "\(name)")
    }
    for name in ["a.csv", "a.tsv", "a.PARQUET", "a.arrow", "a.xlsx"] {
      let file = try folder.write(row, to: name)
      let error = #expect(throws: TokenizationError.self) { try TextSource(file: file) }
      #expect(error.map { "\($0)" }?.contains("convert it to JSON Lines first") == true, "\(name)")
    }
    func link(_ name: String, to target: String) throws -> URL {
      let url = folder.url.appendingPathComponent(name)
      try FileManager.default.createSymbolicLink(atPath: url.path, withDestinationPath: target)
      return url
    }
    #expect(try TextSource(file: link("rows", to: "a.jl")).format == .jsonLines)
    #expect(try TextSource(file: link("rows.latest", to: "a.jl")).format == .jsonLines)
    #expect(throws: TokenizationError.self) { try TextSource(file: link("table", to: "a.csv")) }
    // a name that says what it is, as in caches of downloads, counts
    _ = try folder.write(row, to: "0123abcd")
    #expect(try TextSource(file: link("b.jsonl", to: "0123abcd")).format == .jsonLines)
    _ = try folder.write(row, to: "plain.txt")
    #expect(try TextSource(file: link("c", to: "plain.txt")).format == .plain)
    let listed = try Corpus(paths: [folder.url.path])
    #expect(listed.sources.contains { $0.name.hasSuffix("a.jl") })
    #expect(listed.leftOut.contains { $0.path.hasSuffix("a.csv") && $0.reason.contains("comma-separated") })
  }

  @Test(
    "A malformed line is an error with its number",
    arguments: [
      ("{\"text\": \"b\"", "column 13: not valid JSON: expected ',' or '}', found the end"),
      ("[1]", "expected a JSON object, found an array"), ("\"text\"", "JSON object"), ("{}", "found no key"),
      ("{\"text\": \"é\tb\"}", "column 12: not valid JSON: expected a string without control characters, found byte 9"),
      ("{\"text\": \"b\", \"x\": \"\\ud800\"}", "not valid JSON: half a surrogate pair"),
      ("{\"a\": 1, \"a\": 2}", "\"a\" twice"), ("{\"text\": NaN}", "found no key with a value"),
      (
        "{\"text\": \"a\", \"x\": " + String(repeating: "[", count: 70) + String(repeating: "]", count: 70) + "}",
        "column 83: expected values within at most 64 others, found one that lies deeper"
      ),
      ("{\"prompt\": \"b\"}", "found \"prompt\""), ("{\"text\": 3}", "\"text\": expected a string, found 3"),
      ("{\"text\": null}", "found no key with a value"), ("{\"messages\": [{\"role\": \"judge\"}]}", "found \"judge\""),
      ("{\"question\": \"q\", \"answer\": \"a\"}", "\"answer\", \"question\""),
      ("{\"text\": \"a\", \"prompt\": \"b\", \"completion\": \"c\"}", "either"), ("{\"text\": \"a\"} x", "found 'x'"),
    ])
  func malformed(_ line: String, _ reason: String) throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(Array("{\"text\": \"a\"}\n\n\(line)\n".utf8), to: "x.jsonl")
    let corpus = try Corpus(paths: [file.path])
    let error = #expect(throws: TokenizationError.self) { try Trained.unigram.tokens(of: corpus) }
    guard case .malformedJSONLine(file.path, 3, let found) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(found.contains(reason), "\(found)")
  }
}
