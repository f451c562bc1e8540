import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("Where text comes from") struct CorpusSourcesTests {
  private let folder: TemporaryFolder
  private let tokenizer = Trained.unigram

  init() throws { folder = try TemporaryFolder() }

  @Test("What is no text is refused by its first bytes, and the message says what to do")
  func foreign() throws {
    for (bytes, words) in [
      ([0x1F, 0x8B, 8], "gunzip"), ([0x28, 0xB5, 0x2F, 0xFD], "unzstd"), (Array("BZh9".utf8), "bunzip2"),
      ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "unxz"), ([0x50, 0x4B, 3, 4], "ZIP"), (Array("PAR1".utf8), "Parquet"),
      (Array("version https://git-lfs.github.com/spec/v1\noid".utf8), "git lfs pull"),
      ([0xFF, 0xFE, 0x41, 0], "UTF-16"), (Array("a long text".utf8).flatMap { [$0, 0] }, "UTF-16"),
      (Array("GGUF".utf8) + [3, 0, 0, 0], "found a model in a GGUF file; check the path"),
      ([0x40, 0x1F, 0, 0, 0, 0, 0, 0] + Array("{\"a\"".utf8), "weights in a safetensors file; check the path"),
      (Array("_logits_".utf8), "log-probabilities of llama-perplexity"), ([0xFF, 0xFE, 0, 0], "UTF-32"),
    ] as [([UInt8], String)] {
      for name in ["text.txt", "rows.jsonl", "x"] {
        let file = try folder.write(bytes, to: name)
        let error = #expect(throws: TokenizationError.self) { try Corpus(paths: [file.path]) }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
      }
    }
    // also in a stream
    var encoder = StreamingEncoder(tokenizer, name: "the stream")
    let error = #expect(throws: TokenizationError.self) { try encoder.append(Array("GGUF".utf8) + [3, 0, 0, 0]) }
    #expect(error?.description == "the stream: expected text in UTF-8, found a model in a GGUF file; check the path")
    // In a folder it is left out, and told.
    try folder.write("ba", to: "good.txt")
    let corpus = try Corpus(paths: [folder.url.path])
    #expect(corpus.sources.count == 1 && corpus.leftOut.count == 3)
    #expect(corpus.leftOut.allSatisfy { $0.reason.contains("UTF-32") })
    try FileManager.default.removeItem(at: folder.file("good.txt"))
    #expect {
      try Corpus(paths: [folder.url.path])
    } throws: {
      "\($0)".contains("left out: ") && "\($0)".contains("UTF-32") && "\($0)".contains("and 2 more")
    }
  }

  @Test("Links to files and folders are followed, and loops end")
  func links() throws {
    try folder.write("ba", to: "real/a.txt")
    try folder.write("lo", to: "text/b.txt")
    let manager = FileManager.default
    func link(_ name: String, _ target: String) throws {
      try manager.createSymbolicLink(at: folder.file(name), withDestinationURL: folder.file(target))
    }
    try link("text/file.txt", "real/a.txt")
    try link("text/folder", "real")
    try link("text/loop", "text")
    try link("text/nothing.txt", "missing")
    try link("top", "text")
    for path in ["text", "top"] {
      let corpus = try Corpus(paths: [folder.file(path).path])
      #expect(corpus.sources.map(\.name.utf8.count).count == 2)
      #expect(try tokenizer.tokens(of: corpus).documents.map { tokenizer.decode($0.ids) } == ["lo", "ba"])
      #expect(corpus.leftOut.map(\.reason).sorted() == ["a link to a file already listed", "a link to nothing"])
    }
    #expect(try Corpus(paths: [folder.file("text/file.txt").path]).byteCount == 2)
  }

  @Test("Texts in memory are used like files")
  func memory() throws {
    let texts = ["ba lo\n", "", "mi ter"]
    let corpus = try Corpus(texts: texts)
    #expect(try tokenizer.tokens(of: corpus).documents.map(\.ids) == [texts[0], texts[2]].map { tokenizer.encode($0) })
    #expect(corpus.byteCount == 12 && corpus.name == "text 1, text 3" && corpus.sources[0].file == nil)
    let file = try TokenFile.open(for: corpus, tokenizer: tokenizer, in: folder.file("tokens"))
    #expect(file.counts.documents == 2)
    #expect(try TokenFile.open(for: Corpus(texts: texts), tokenizer: tokenizer, in: folder.file("tokens")).wasReused)
    #expect(throws: TokenizationError.self) { try Corpus(texts: [""]) }
  }

  @Test("A text is known by its content, wherever it lies and whenever it was changed")
  func content() throws {
    let cache = folder.file("tokens")
    func open(_ name: String) throws -> TokenFile {
      try TokenFile.open(for: Corpus(paths: [folder.file(name).path]), tokenizer: tokenizer, in: cache)
    }
    try folder.write("ba lo", to: "a.txt")
    try folder.write("ba lo", to: "b.txt")
    #expect(try !open("a.txt").wasReused)
    #expect(try open("b.txt").wasReused)
    // The same size and time of change.
    let time = try #require(
      FileManager.default.attributesOfItem(atPath: folder.file("a.txt").path)[.modificationDate] as? Date)
    try folder.write("ba mi", to: "a.txt")
    try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: folder.file("a.txt").path)
    let changed = try open("a.txt")
    #expect(!changed.wasReused && tokenizer.decode(changed.ids(0..<changed.count)) == "ba mi")
    // The same bytes as rows are another text.
    try folder.write("{\"text\": \"ba\"}", to: "c.txt")
    try folder.write("{\"text\": \"ba\"}", to: "c.jsonl")
    #expect(try open("c.txt").count != open("c.jsonl").count)
  }

  @Test("Token files have one place, and what dead processes left there is removed")
  func cache() throws {
    func path(_ environment: [String: String]) -> String { TokenCache.folder(environment: environment).path }
    #expect(path(["LIMBECK_CACHE": "/a/b", "XDG_CACHE_HOME": "/c", "HOME": "/d"]) == "/a/b")
    #expect(path(["LIMBECK_CACHE": "", "XDG_CACHE_HOME": "/c", "HOME": "/d"]) == "/c/limbeck")
    #expect(path(["XDG_CACHE_HOME": "relative", "HOME": "/d"]) == "/d/.cache/limbeck")
    #expect(path(["HOME": "/d"]) == "/d/.cache/limbeck")
    let cache = folder.file("cache")
    let dead = ".0123456789abcdef.tokens.999999999-x.partial"
    let alive = ".0123456789abcdef.tokens.\(ProcessInfo.processInfo.processIdentifier)-x.partial"
    for name in [dead, alive] { try folder.write("x", to: "cache/\(name)") }
    let file = try TokenFile.open(for: Corpus(texts: ["ba"]), tokenizer: tokenizer, in: cache)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: cache.path).sorted()
        == [alive, file.url.lastPathComponent].sorted())
  }
}
