public import DurableFiles
public import Foundation
public import Tokenization

/// A prompt, and what its file says besides it.
public struct PromptRecord: Sendable, Equatable {
  /// The text to continue.
  public var prompt: String
  /// What errors call it: its file and line.
  public var name: String
  /// The other keys of the prompt's JSON object; empty for plain text.
  public var fields: [String: JSONValue]

  /// A record, as the properties say.
  public init(prompt: String, name: String, fields: [String: JSONValue] = [:]) {
    self.prompt = prompt
    self.name = name
    self.fields = fields
  }
}

/// Prompts in a fixed order.
public struct PromptFile: Sendable, Equatable {
  /// The prompts, at least one.
  public var records: [PromptRecord]

  /// A single prompt.
  public init(_ prompt: String) { records = [PromptRecord(prompt: prompt, name: "the prompt")] }

  /// The lines of `file` that are not blank or, in a file of rows (`.jsonl`, `.ndjson`, `.json`), the text under the
  /// key `field` in each. Throws `text`, `noPrompts` or `malformedPrompt`.
  public init(contentsOf file: URL, field: String = "prompt") throws(CompletionError) {
    let (text, rows): (SmallTextFile, [JSONRow])
    do throws(TokenizationError) {
      text = try SmallTextFile(TextSource(file: file))
      rows = text.hasRows ? try text.rows() : []
    } catch {
      throw .text(error)
    }
    records =
      text.hasRows
      ? try Self.records(of: rows, file: file.path, field: field) : Self.lines(of: text.content, file: file.path)
    guard !records.isEmpty else { throw .noPrompts(file: file.path, field: field) }
  }

  /// Prompts of about `promptLength` tokens cut out of the text of a corpus. Each begins with a paragraph, or a line or
  /// a sentence where paragraphs are long, and ends where a word does; text goes on behind each. (In a text without
  /// spaces between words a prompt ends between two characters.)
  /// - Parameters:
  ///   - corpus: the text.
  ///   - promptLength: the most tokens of a prompt, without BOS; half as many are the fewest where words are short
  ///     enough.
  ///   - count: the most prompts; nil, the default, for all that there are.
  ///   - tokenizer: what counts tokens.
  /// - Throws: `text`, or `textTooShort` where there is not one.
  public init(
    cutting corpus: Corpus, promptLength: Int, count: Int? = nil, tokenizer: any Tokenizer
  ) throws(CompletionError) {
    precondition(promptLength > 0, "prompts of \(promptLength) tokens")
    let cutter = PromptCutter(tokenizer: tokenizer, promptLength: promptLength)
    var (records, reader, longest) = ([PromptRecord](), DocumentReader(corpus), 0)
    do throws(TokenizationError) {
      while records.count < count ?? .max, let document = try reader.next() {
        let cuts = cutter.cuts(of: document.text)
        if cuts.isEmpty {
          longest = max(longest, tokenizer.encode(String(decoding: document.text, as: UTF8.self)).count)
        }
        records += cuts.map { PromptRecord(prompt: $0.text, name: "\(document.source), byte \($0.offset)") }
      }
    } catch {
      throw .text(error)
    }
    guard !records.isEmpty else {
      throw .textTooShort(text: corpus.name, tokens: longest, promptLength: promptLength)
    }
    self.records = count.map { Array(records.prefix($0)) } ?? records
  }

  /// Stands for all prompts and what belongs to them.
  public var digest: String {
    let lines = records.map { JSONValue.object($0.fields).text() + JSONValue.string($0.prompt).text() + "\n" }
    return Digest.sha256(of: Data(lines.joined().utf8))
  }

  /// The tokens of each prompt, with BOS, where at least one more fits into the context. Throws
  /// `promptTooLong` or `emptyPrompt`, naming the prompt.
  public func ids(
    _ tokenizer: any Tokenizer, contextLength: Int
  ) throws(CompletionError) -> [[Int32]] {
    do { return try tokenizer.ids(ofPrompts: records.map(\.prompt), contextLength: contextLength) } catch {
      switch error {
      case .promptTooLong(let prompt, let tokens, let contextLength):
        throw .promptTooLong(prompt: records[prompt].name, tokens: tokens, contextLength: contextLength)
      case .emptyPrompt(let prompt):
        throw .emptyPrompt(prompt: records[prompt].name)
      default:
        throw .generation(error)
      }
    }
  }

  private static func lines(of text: String, file: String) -> [PromptRecord] {
    text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
      .filter { !$1.allSatisfy(\.isWhitespace) }
      .map { PromptRecord(prompt: String($1), name: "\(file), line \($0 + 1)") }
  }

  /// What a row has in place of a text under the key `field`.
  private static func found(in row: JSONValue, insteadOf field: String) -> String {
    guard case .object(let fields) = row else { return "\(row)" }
    if let value = fields[field] { return "\(value)" }
    let keys = fields.keys.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
    return keys.isEmpty ? "an empty one" : "the keys \(keys)"
  }

  private static func records(
    of rows: [JSONRow], file: String, field: String
  ) throws(CompletionError) -> [PromptRecord] {
    var records: [PromptRecord] = []
    for row in rows {
      guard case .object(var fields) = row.value, case .string(let prompt) = fields.removeValue(forKey: field) else {
        throw .malformedPrompt(file: file, line: row.line, field: field, found: found(in: row.value, insteadOf: field))
      }
      records.append(PromptRecord(prompt: prompt, name: "\(file), line \(row.line)", fields: fields))
    }
    return records
  }
}
