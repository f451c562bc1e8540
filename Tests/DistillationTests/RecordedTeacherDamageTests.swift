import Foundation
import TestSupport
import Testing
import Tokenization

@testable import Distillation

/// What is refused, and how.
extension RecordedTeacherTests {
  private func kldError(
    text: String? = nil, _ change: (inout Data) -> Void
  ) throws -> String {
    try withFolder { folder in
      var data = try Data(contentsOf: self.folder.appendingPathComponent("text.kld"))
      change(&data)
      let url = folder.appendingPathComponent("damaged.kld")
      try data.write(to: url)
      let error = #expect(throws: TeacherCacheError.self) {
        let file = try KLDivergenceFile(
          contentsOf: url, tokenizer: tokenizer, text: text ?? self.text, textName: "text.txt")
        let importer = try TeacherCacheImporter(file, tokenizer: tokenizer, method: .dense16)
        try importer.record(
          into: TeacherCacheFolder(creating: folder.appendingPathComponent("cache"), importer.description))
      }
      let description = error.map { "\($0)" } ?? ""
      #expect(description.hasPrefix(url.path))
      return description
    }
  }

  private func put(_ number: some Any, at offset: Int) -> (inout Data) -> Void {
    { data in
      var number = number
      let bytes = withUnsafeBytes(of: &number) { Data($0) }
      data.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }
  }

  @Test func damagedKLDFilesAreRefused() throws {
    let rows = 20 + 4 * 48
    for (change, text) in [
      ({ $0.removeLast() }, "size: expected 2964 bytes after the header, for 3 chunks of 16 tokens, found 2963"),
      ({ $0.append(0) }, "the file is damaged"), ({ $0 = $0.prefix(10) }, "size: expected at least 20 bytes, found 10"),
      ({ $0[0] = 0 }, "beginning: expected _logits_"), (put(Int32(-1), at: 8), "n_ctx: expected at least 4, found -1"),
      (put(Int32(0), at: 16), "n_chunk: expected at least 1, found 0"),
      (put(Int32.max, at: 12), "cut short"), (put(Int32.max, at: 8), "cut short"),
      (put(Int32.max, at: 16), "cut short"),
      (put(Float.nan, at: rows), "chunk 0, token 9, byte \(rows): expected a scale from 0 to 16/65,535, found nan"),
      (put(Float(1), at: rows), "expected a scale"), (put(Float(-1), at: rows), "expected a scale"),
      (put(Float.infinity, at: rows + 4), "expected a least log-probability"),
      (put(Float(-20), at: rows + 4), "expected probabilities whose sum is 1"),
      (put(Int32(1 << 20), at: 40), "token 5 of 48: expected "), (put(Int32(-4), at: 40), "found -4"),
    ] as [((inout Data) -> Void, String)] {
      let error = try kldError(change)
      #expect(error.contains(text), "\(text): \(error)")
    }
    #expect(try kldError(text: "the owl") { _ in }.contains("as in text.txt, found"))
    #expect(try kldError(text: String(self.text.prefix(60))) { _ in }.contains("no more tokens than text.txt has"))
    #expect(try kldError(text: "") { _ in }.contains("no more tokens"))
    // of a vocabulary that is smaller than the tokenizer's
    let error = #expect(throws: TeacherCacheError.self) {
      try KLDivergenceFile(
        contentsOf: folder.appendingPathComponent("text.kld"), tokenizer: ByteTokenizer(), text: text, textName: "t")
    }
    #expect(error.map { "\($0)".contains("n_vocab: expected at least the tokenizer's 261 tokens, found 61") } == true)
  }

  private func error(ofLine line: String) throws -> String {
    try withFolder { folder in
      let url = folder.appendingPathComponent("responses.jsonl")
      try (" \n" + line + "\n").write(to: url, atomically: false, encoding: .utf8)
      let error = #expect(throws: TeacherCacheError.self, "\(line)") {
        try LogProbabilityFile(contentsOf: url, tokenizer: tokenizer)
      }
      let description = error.map { "\($0)" } ?? ""
      #expect(description.hasPrefix("\(url.path), line 2: "), "\(description)")
      return description
    }
  }

  /// As in any text.
  @Test func aByteOrderMarkInFrontIsPassedOver() throws {
    try withFolder { folder in
      let responses = try Data(contentsOf: self.folder.appendingPathComponent("completions.jsonl"))
      let url = folder.appendingPathComponent("marked.jsonl")
      try (Data([0xEF, 0xBB, 0xBF]) + responses).write(to: url)
      let (marked, plain) = (
        try LogProbabilityFile(contentsOf: url, tokenizer: tokenizer),
        try LogProbabilityFile(
          contentsOf: self.folder.appendingPathComponent("completions.jsonl"), tokenizer: tokenizer)
      )
      #expect(marked.documents.map(\.ids) == plain.documents.map(\.ids) && marked.crossEntropy == plain.crossEntropy)
    }
  }

  private func completion(
    tokens: String = "[\"token_id:7\"]", own: String = "[-1]", top: String = "[{\"token_id:8\": -1.5}]",
    rest: String = ""
  ) -> String {
    "{\"prompt\": [1, 7], \"choices\": [{\"logprobs\": {\"tokens\": \(tokens), \"token_logprobs\": \(own), "
      + "\"top_logprobs\": \(top)}}]\(rest)}"
  }

  /// A response of llama-server with one token, and what it lists.
  private func native(_ top: String) -> String {
    "{\"prompt\": [1], \"completion_probabilities\": [{\"id\": 5, \"logprob\": -1, \"top_logprobs\": [\(top)]}]}"
  }

  @Test func responsesThatMakeNoSenseAreRefusedByTheirLine() throws {
    for (line, text) in [
      ("nonsense", "JSON: expected an object, found none; at byte 1 of the line: expected 'null', found 'o'"),
      ("[1]", "the line: expected an object, found a list"),
      ("{}", "keys: expected \"choices\" or \"completion_probabilities\", found none"),
      ("{\"request\": {}, \"response\": {\"error\": {\"message\": \"no\"}}}", "the server's error"),
      ("{\"choices\": 3}", "choices: expected a list, found 3"),
      ("{\"prompt\": \"the\", \"choices\": [{}]}", "choices[0].logprobs: expected log-probabilities, found none"),
      (completion(tokens: "[\"zebra\"]"), "tokens[0]: expected a token of the tokenizer, found \"zebra\""),
      (completion(tokens: "[\"token_id:61\"]"), "expected a token id from 0 to 60, found \"token_id:61\""),
      (completion(tokens: "[\"token_id:x\"]"), "found \"token_id:x\""),
      (completion(tokens: "[true]"), "expected a token's text or id, found true"),
      (completion(own: "[0.5]"), "token_logprobs[0]: expected a log-probability, at most 0, found 0.5"),
      (completion(own: "[\"x\"]"), "found \"x\""), (completion(own: "[NaN]"), "found NaN"),
      (completion(own: "[]"), "token_logprobs: expected 1 elements, as of tokens, found 0"),
      (
        completion(top: "[{\"token_id:8\": -0.1}]"), "expected probabilities whose sum is at most 1, found a sum of 1.2"
      ),
      (completion(top: "[null]"), "top_logprobs[0]: expected an object, found none"),
      (completion(top: "null"), "top_logprobs: expected a list, found none"),
      (completion(rest: ", \"usage\": {\"prompt_tokens\": 3}"), "usage.prompt_tokens: expected 2"),
      (completion(rest: ", \"prompt_logprobs\": [null]"), "expected an element for each of the prompt's 2 tokens"),
      (
        completion(rest: ", \"prompt_logprobs\": [null, {\"9\": {\"logprob\": -1}}]"),
        "prompt_logprobs[1]: expected the prompt's token 7 among those listed"
      ),
      (completion(rest: ", \"prompt_token_ids\": [1, 99]"), "expected a token id from 0 to 60, found 99"),
      (
        "{\"messages\": [], \"choices\": [{\"logprobs\": {\"content\": []}}]}",
        "messages: expected a tokenizer with a chat template of a known family, found none"
      ),
      (completion(top: "[{\"token_id:8\": -1.5, \"token_id:08\": -2}]"), "each token once, found token 8 twice"),
      (completion(tokens: "[\"token_id:-1\"]"), "expected a token id from 0 to 60, found \"token_id:-1\""),
      (completion(tokens: "[-1]"), "tokens[0]: expected a token id from 0 to 60, found -1"),
      (completion(tokens: "[1.5]"), "tokens[0]: expected a token's text or id, found 1.5"),
      (completion(rest: ", \"prompt_token_ids\": [1, -2]"), "expected a token id from 0 to 60, found -2"),
      (completion(rest: ", \"prompt_token_ids\": [1, 1.5]"), "expected a list of token ids, found 1.5 in it"),
      (
        completion(rest: ", \"prompt_logprobs\": [null, {\"7\": {\"logprob\": -1}, \"07\": {\"logprob\": -2}}]"),
        "prompt_logprobs[1]: expected each token once, found token 7 twice"
      ),
      (native("{\"id\": 1.5, \"token\": \"a\"}"), "top_logprobs[0].id: expected a token id from 0 to 60, found 1.5"),
      (native("{\"id\": \"7\", \"token\": \"a\"}"), "id: expected a token id from 0 to 60, found \"7\""),
      (native("{\"id\": -1}"), "top_logprobs[0].id: expected a token id from 0 to 60, found -1"),
      (native("{\"id\": 61}"), "top_logprobs[0].id: expected a token id from 0 to 60, found 61"),
      (
        native("{\"id\": 8, \"logprob\": -3}, {\"id\": 8, \"logprob\": -3}"),
        "completion_probabilities[0]: expected each token once, found token 8 twice"
      ),
      ("{\"completion_probabilities\": []}", "prompt: expected the prompt beside the response"),
      (
        "{\"prompt\": [1], \"completion_probabilities\": [{\"id\": 5, \"prob\": 0.5}]}",
        "completion_probabilities[0].logprob: expected a log-probability, at most 0, found none"
      ),
    ] {
      let error = try error(ofLine: line)
      #expect(error.contains(text), "\(text): \(error)")
    }
  }

  /// The text of one token is the spelling of another: only ids tell them apart.
  @Test func aTextOfTwoTokensNeedsTheirIds() throws {
    let names = TokenNames(ByteTokenizer(pairs: ["th", "th"]))
    #expect(try names.id("a", bytes: nil) == 97)
    #expect(throws: TokenNames.Failure.self) { try names.id("th", bytes: nil) }
    #expect(throws: TokenNames.Failure.self) { try names.id("\u{FFFD}", bytes: nil) }
    #expect(try names.id("\u{FFFD}", bytes: [0xC3]) == 0xC3)
  }

  /// What stands for a part of a character may be a token of its own as well: bytes tell which.
  @Test func aPartOfACharacterIsToldByItsBytes() throws {
    var options = TokenizerTrainingOptions()
    (options.algorithm, options.vocabularySize, options.userDefinedSymbols) = (.bpe, 300, ["\u{FFFD}"])
    let tokenizer = try TokenizerTrainer(options).train(on: Corpus(texts: [text]))
    func id(_ spelling: String) throws -> Int32 {
      try #require((0..<Int32(tokenizer.vocabularySize)).first { tokenizer.spelling(of: $0) == spelling })
    }
    let names = TokenNames(tokenizer)
    #expect(throws: TokenNames.Failure.self) { try names.id("\u{FFFD}", bytes: nil) }
    #expect(try names.id("\u{FFFD}", bytes: [0xC3]) == id("<0xC3>"))
    #expect(try names.id("\u{FFFD}", bytes: [0xEF, 0xBF, 0xBD]) == id("\u{FFFD}"))
  }

  @Test func aFileWithoutDistributionsIsRefused() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("empty.jsonl")
      try Data().write(to: url)
      let error = #expect(throws: TeacherCacheError.self) {
        try LogProbabilityFile(contentsOf: url, tokenizer: tokenizer)
      }
      #expect(error.map { "\($0)" } == "\(url.path): distributions: expected one or more, found none")
    }
  }

  @Test func aDamagedTextIsFoundAndMadeAgain() throws {
    try withFolder { folder in
      let importer = try TeacherCacheImporter(responses("echo"), tokenizer: tokenizer, method: .topKTail(3))
      let url = folder.appendingPathComponent("cache")
      #expect(try importer.record(into: TeacherCacheFolder(creating: url, importer.description)))
      let text = url.appendingPathComponent("text.tokens")
      let whole = try Data(contentsOf: text)
      try whole.dropLast().write(to: text)
      let error = #expect(throws: TeacherCacheError.self) { try TeacherCache(contentsOf: url) }
      #expect(error.map { "\($0)".contains("text.tokens: its content is not what was written") } == true)
      #expect(try importer.record(into: TeacherCacheFolder(resuming: url, importer.description)))
      #expect(try Data(contentsOf: text) == whole)
      _ = try TeacherCache(contentsOf: url)
    }
  }
}
