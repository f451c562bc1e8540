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

  /// The lines of `file` that are not blank or, if its name ends in `.jsonl`, the text under the key `field` in each.
  /// Throws `file`, `notUTF8`, `noPrompts` or `malformedPrompt`.
  public init(contentsOf file: URL, field: String = "prompt") throws(CompletionError) {
    let content: Data
    do { content = try Data(contentsOf: file) } catch {
      throw .file(.unreadable(file: file.path, reason: "no such file, or no permission; check the path"))
    }
    records =
      try file.pathExtension.lowercased() == "jsonl"
      ? Self.objects(in: content, file: file.path, field: field) : Self.lines(of: content, file: file.path)
    guard !records.isEmpty else { throw .noPrompts(file: file.path, field: field) }
  }

  /// The text of a corpus, cut into prompts of `promptLength` tokens each; what is left at the end is not used. A
  /// prompt begins and ends between characters, and encoded by itself it may have a token more or less.
  ///
  /// Throws `text` or `textTooShort`.
  public init(
    cutting corpus: Corpus, promptLength: Int, tokenizer: any Tokenizer
  ) throws(CompletionError) {
    precondition(promptLength > 0, "prompts of \(promptLength) tokens")
    let name = corpus.sources.map(\.file.path).joined(separator: ", ")
    let ids: [Int32]
    do { ids = try tokenizer.tokens(of: corpus).ids } catch { throw .text(error) }
    guard ids.count >= promptLength else {
      throw .textTooShort(text: name, tokens: ids.count, promptLength: promptLength)
    }
    records = stride(from: 0, through: ids.count - promptLength, by: promptLength).map { start in
      let bytes = tokenizer.decodeBytes(ids[start..<start + promptLength])
      return PromptRecord(prompt: Self.wholeCharacters(of: bytes), name: "\(name), token \(start + 1)")
    }
  }

  /// Stands for all prompts and what belongs to them.
  public var digest: String {
    let lines = records.map { JSONValue.object($0.fields).text() + JSONValue.string($0.prompt).text() + "\n" }
    return Digest.sha256(of: Data(lines.joined().utf8))
  }

  /// The tokens of each prompt, with BOS, where there is room in the context for at least one more. Throws
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

  private static func lines(of content: Data, file: String) throws(CompletionError) -> [PromptRecord] {
    guard let text = String(validating: content, as: UTF8.self) else { throw .notUTF8(file: file) }
    return text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
      .filter { !$1.allSatisfy(\.isWhitespace) }
      .map { PromptRecord(prompt: String($1), name: "\(file), line \($0 + 1)") }
  }

  private static func objects(
    in content: Data, file: String, field: String
  ) throws(CompletionError) -> [PromptRecord] {
    var records: [PromptRecord] = []
    // Other line breaks may stand within a JSON string.
    for (index, line) in content.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      if line.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) { continue }
      let name = "\(file), line \(index + 1)"
      guard case .object(var fields) = try? JSONValue(parsing: Array(line), file: name),
        case .string(let prompt) = fields.removeValue(forKey: field)
      else { throw .malformedPrompt(file: file, line: index + 1, field: field) }
      records.append(PromptRecord(prompt: prompt, name: name, fields: fields))
    }
    return records
  }

  /// The text of bytes that were cut out of UTF-8, without what was cut in two.
  private static func wholeCharacters(of bytes: [UInt8]) -> String {
    let start = bytes.firstIndex { $0 & 0xC0 != 0x80 } ?? bytes.count
    for end in stride(from: bytes.count, through: max(start, bytes.count - 3), by: -1) {
      if let text = String(validating: bytes[start..<end], as: UTF8.self) { return text }
    }
    return String(decoding: bytes[start...], as: UTF8.self)
  }
}
