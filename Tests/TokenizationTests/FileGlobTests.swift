import Foundation
import TestSupport
import Testing
import Tokenization

@Suite struct FileGlobTests {
  @Test(arguments: [
    ("*.swift", "/home/a/code/x.swift", true), ("*.swift", "x.swift", true), ("*.swift", "x.swift.txt", false),
    ("x?.md", "a/x1.md", true), ("[ab]*.txt", "c/book.txt", true), ("[ab]*.txt", "c/cook.txt", false),
    ("code", "code/x.txt", false), ("code/*", "/home/code/deep/x.txt", true), ("code/*", "/home/decode/x.txt", false),
    ("code/*.md", "code/x.txt", false), ("/home/*", "/home/x.txt", true), ("/home/*", "/root/home/x.txt", false),
    ("*", "anything", true), ("", "x", false), ("*.txt", "", false),
    ("?.txt", "é.txt", true), ("?.txt", "e\u{301}.txt", true), ("??.txt", "é.txt", false), ("?", "語", true),
    ("[éè].txt", "e\u{301}.txt", true), ("[а-я].md", "ж.md", true), ("[!а-я].md", "ж.md", false),
    ("[^a]", "é", true), ("\u{E9}*", "e\u{301}.txt", true), ("\u{E9}*", "e.txt", false),
    ("[]x]", "]", true), ("[a-]", "-", true), ("[[:digit:]a].md", "7.md", true), ("[[:digit:]].md", "x.md", false),
    ("[[:xdigit:]]", "F", true), ("[[:xdigit:]]", "g", false), ("[[:blank:]]", " ", true),
    ("[[:cntrl:]]", "\u{7}", true), ("[[:cntrl:]]", "a", false), ("[[:print:]]", "é", true),
    ("[[:graph:]]", " ", false),
    ("[ab", "[ab", true), ("[ab", "a", false), (#"\*.md"#, "*.md", true), (#"\*.md"#, "x.md", false),
    (#"[\]a]"#, "]", true), ("a*b*c", "aXbXbXc", true), ("a*b*c", "aXbX", false),
    ("*a*a*a*b", "aaaaaaaaaaaaaaac", false),
    ("[z-a]", "m", false), ("**", "x", true),
  ])
  func patterns(_ pattern: String, path: String, matches: Bool) {
    #expect(FileGlob(pattern).matches(path) == matches)
  }

  /// The first pattern that matches has a file; none is lost.
  @Test func filesGoToTheFirstPattern() throws {
    let folder = try TemporaryFolder()
    for name in ["a.txt", "b.md", "c.txt", "d.text"] { try folder.write("words", to: name) }
    let corpus = try Corpus(paths: [folder.url.path])
    let parts = corpus.parts(by: ["c*", "*.txt", "c.txt", "*.md"].map { FileGlob($0) })
    let names = parts.matched.map { $0?.sources.map { URL(fileURLWithPath: $0.name).lastPathComponent } }
    #expect(names == [["c.txt"], ["a.txt"], nil, ["b.md"]])
    #expect(parts.others.map { URL(fileURLWithPath: $0.name).lastPathComponent } == ["d.text"])
  }
}
