import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("Rows of JSON") struct RowTests {
  private let folder: TemporaryFolder
  private let tokenizer = Trained.unigram

  init() throws { folder = try TemporaryFolder() }

  private func documents(_ text: String, _ name: String = "x.jsonl") throws -> [[Int32]] {
    try tokenizer.tokens(of: Corpus(paths: [folder.write(text, to: name).path])).documents.map(\.ids)
  }

  private func message(_ text: String, _ name: String = "x.json") -> String {
    do { return "read: \(try documents(text, name))" } catch { return "\(error)" }
  }

  @Test("A file of rows may be lines, an array or objects one after another")
  func formats() throws {
    let rows = [#"{"text": "ba ] } lo"}"#, #"{"id": [1, {"a": "\"["}], "text": "mi\n"}"#, #"{"text": "ter"}"#]
    let lines = rows.joined(separator: "\n") + "\n"
    let array = "[\(rows.joined(separator: " ,\n"))]\n"
    let expected = ["ba ] } lo", "mi\n", "ter"].map { tokenizer.encode($0) }
    for (name, text) in [
      ("x.jsonl", lines), ("x.ndjson", lines), ("x.JSON", lines), ("x.json", array), ("x.json", " " + array),
      ("x.json", rows.joined()), ("x.json", array.replacing("{", with: "\n{\n ")),
      ("x.jsonl", lines.replacing("\n", with: "\r\n")),
    ] {
      #expect(try documents(text, name) == expected, "\(name): \(text)")
      #expect(try documents("\u{FEFF}" + text, name) == expected, "\(name) with a byte order mark")
    }
    #expect(try documents("\u{FEFF}ba lo", "x.txt") == [tokenizer.encode("ba lo")])
  }

  @Test("What is wrong with a file of rows is named with its line and column")
  func defects() {
    #expect(message("[{\"text\": \"a\"}\n{\"text\": \"b\"}]").contains("line 2: column 1: expected ',' or ']'"))
    #expect(message("[{\"text\": \"a\"},\n").contains("line 2: column 1: expected a row, found the end"))
    #expect(message("[{\"text\": \"a\"}").contains("expected ',' or ']', found the end"))
    #expect(message("[{\"text\": \"a\"}] x").contains("expected the end of the text"))
    #expect(message("[\n 7]").contains("line 2: expected a JSON object, found 7"))
    #expect(message("[{\"text\":\n\"a}]").contains("column"))
    #expect(message("[]").contains("found it empty") && message("x").contains("expected a value, found 'x'"))
    #expect(message("{\"question\": \"a\"}").contains("--text-field"))
  }

  @Test("Rows know the lines they begin in, however many there are", arguments: ["many.jsonl", "many.json"])
  func lines(_ name: String) throws {
    let text = (0..<40_000).map { "{\"n\": \($0)}\n" + ($0 % 3 == 0 ? "\n" : "") }.joined()
    let rows = try SmallTextFile(TextSource(file: folder.write(text, to: name))).rows()
    #expect(rows.map(\.line) == (0..<40_000).map { $0 + 1 + ($0 + 2) / 3 })
  }

  @Test("Null is absent, and a prompt without a completion is another key")
  func absent() throws {
    let lines = """
      {"text": "ba", "prompt": null, "completion": null}
      {"text": null, "prompt": "lo", "completion": " mi"}
      {"text": "ter", "prompt": "an instruction"}
      {"text": "an", "prompt": 7}
      {"text": "", "prompt": null}
      """
    let expected = ["ba", "lo mi", "ter", "an"].map { tokenizer.encode($0) }
    #expect(try documents(lines) == expected)
  }

  @Test("A chat is a document of which the assistant's turns count")
  func chat() throws {
    let row = #"""
      {"messages": [{"role": "system", "content": "ba"}, {"role": "user", "content": "lo mi"},
       {"role": "assistant", "content": "ter"}, {"role": "user", "content": "an"},
       {"role": "assistant", "content": "qua ly"}]}
      """#
    var corpus = try Corpus(paths: [folder.write(row, to: "chat.json").path])
    let plain = try tokenizer.tokens(of: corpus).documents[0]
    #expect(tokenizer.decode(plain.ids) == "ba\nlo mi\nter\nan\nqua ly")
    #expect(tokenizer.decode(plain.countedIDs) == "terqua ly")
    corpus.chatFormat = .chatML
    let tokens = try TokenFile.open(for: corpus, tokenizer: tokenizer, in: folder.file("tokens"))
    let text = tokenizer.decode(tokens.ids(0..<tokens.count))
    #expect(text.hasPrefix("<|im_start|>system\nba<|im_end|>\n<|im_start|>user\nlo mi<|im_end|>"))
    #expect(text.hasSuffix("<|im_start|>assistant\nqua ly<|im_end|>"))
    // The sign at its end ends the text.
    #expect(tokens[tokens.count - 1] != tokenizer.eosID)
    let counted = (0..<tokens.count).filter { tokens.countsInLoss($0) }.map { tokens[$0] }
    #expect(tokenizer.decode(counted) == "ter<|im_end|>qua ly<|im_end|>")
    #expect(
      message(#"[{"messages": [{"role": "tool", "content": "x"}]}]"#).contains(
        "expected one of system, user, assistant"))
  }

  @Test("A text that was cut off has no EOS")
  func cutOff() throws {
    let lines = """
      {"text": "ba", "stop_reason": "max_tokens"}
      {"text": "lo", "stop_reason": "end_of_text"}
      {"prompt": "mi", "completion": " ter", "stop_reason": "context_full"}
      {"prompt": "mi", "completion": " ter", "stop_reason": "done"}
      """
    let file = try TokenFile.open(
      for: Corpus(paths: [folder.write(lines, to: "x.jsonl").path]), tokenizer: tokenizer, in: folder.file("tokens"))
    let (bos, eos) = (try #require(tokenizer.bosID), try #require(tokenizer.eosID))
    let pair = tokenizer.encode("mi ter")
    #expect(
      file.ids(0..<file.count) == [bos] + tokenizer.encode("ba") + [bos] + tokenizer.encode("lo") + [eos, bos] + pair
        + [bos] + pair + [eos])
  }
}
