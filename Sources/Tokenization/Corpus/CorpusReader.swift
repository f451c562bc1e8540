import DurableFiles
import Foundation

/// Reads a corpus, a part of bounded size at a time; files are mapped, so they may be larger than memory. (Only a line
/// of JSON Lines is taken whole.)
struct CorpusReader {
  enum Event: Equatable {
    case startOfDocument
    /// The next part of the document: valid UTF-8, though possibly cut inside a character.
    case text([UInt8])
    /// All of a document that is a prompt and its completion, both valid UTF-8.
    case completion([UInt8], prompt: [UInt8])
    case endOfDocument
  }

  private static let partSize = 1 << 20

  private let corpus: Corpus
  private var next = 0
  private var file: MappedFile?
  private var offset = 0
  private var line = 0
  private var validator = UTF8Validator()
  private var hasText = false
  /// Events that are already known, last first.
  private var events: [Event] = []
  /// Bytes of the files read so far.
  private(set) var bytesDone = 0

  init(_ corpus: Corpus) { self.corpus = corpus }

  /// The next event, or `nil` at the end. Throws what is wrong with the text.
  mutating func nextEvent() throws(TokenizationError) -> Event? {
    while true {
      if let event = events.popLast() { return event }
      guard let file else {
        guard next < corpus.sources.count else { return nil }
        try open(corpus.sources[next])
        continue
      }
      switch corpus.sources[next].format {
      case .plain: try readPart(of: file)
      case .jsonLines: try readLine(of: file)
      }
    }
  }

  private mutating func open(_ source: TextSource) throws(TokenizationError) {
    let opened = try TokenizationError.wrapping { () throws(FileError) in try MappedFile(contentsOf: source.file) }
    guard opened.count > 0 else { throw .emptyText(file: opened.path) }
    file = opened
    (offset, line, hasText) = (0, 0, false)
    if source.format == .plain { events = [.startOfDocument] }
  }

  private mutating func close() {
    file = nil
    next += 1
  }

  private mutating func readPart(of file: MappedFile) throws(TokenizationError) {
    guard offset < file.count else {
      guard !validator.isInsideCharacter else { throw Self.notUTF8(file, at: file.count) }
      events = [.endOfDocument]
      return close()
    }
    let part = try bytes(of: file, upTo: min(file.count, offset + Self.partSize))
    events = [.text(part)]
  }

  private mutating func readLine(of file: MappedFile) throws(TokenizationError) {
    guard offset < file.count else {
      guard hasText else { throw .emptyText(file: file.path) }
      return close()
    }
    line += 1
    let end = file.withBytes { bytes in
      var end = offset
      while end < bytes.byteCount, bytes.unsafeLoad(fromByteOffset: end, as: UInt8.self) != 0x0A { end += 1 }
      return end
    }
    let content = try bytes(of: file, upTo: end)
    guard !validator.isInsideCharacter else { throw Self.notUTF8(file, at: end) }
    if offset < file.count {
      offset += 1
      bytesDone += 1
    }
    let parts = try JSONLine(content, corpus.keys, file: file.path, line: line)
    if !parts.isEmpty {
      hasText = true
      events = parts.events.reversed()
    }
  }

  /// Checks and takes the bytes from `offset` to `end`.
  private mutating func bytes(of file: MappedFile, upTo end: Int) throws(TokenizationError) -> [UInt8] {
    let (part, invalid) = file.withBytes { bytes in
      let part = bytes.extracting(offset..<end)
      return (part.withUnsafeBytes { Array($0) }, validator.firstInvalid(in: part))
    }
    if let invalid { throw Self.notUTF8(file, at: offset + invalid) }
    bytesDone += end - offset
    offset = end
    return part
  }

  private static func notUTF8(_ file: MappedFile, at offset: Int) -> TokenizationError {
    let newlines = file.withBytes { bytes in
      (0..<offset).reduce(0) { $0 + (bytes.unsafeLoad(fromByteOffset: $1, as: UInt8.self) == 0x0A ? 1 : 0) }
    }
    return .notUTF8(file: file.path, byteOffset: offset, line: newlines + 1)
  }
}

/// One line of JSON Lines. A blank line and one with an empty text hold no document.
private struct JSONLine {
  var prompt = ""
  var text = ""

  var isEmpty: Bool { prompt.isEmpty && text.isEmpty }

  var events: [CorpusReader.Event] {
    let content: CorpusReader.Event =
      prompt.isEmpty ? .text(Array(text.utf8)) : .completion(Array(text.utf8), prompt: Array(prompt.utf8))
    return [.startOfDocument, content, .endOfDocument]
  }

  init(_ bytes: [UInt8], _ keys: JSONLinesKeys, file: String, line: Int) throws(TokenizationError) {
    if bytes.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) { return }
    func malformed(_ reason: String) -> TokenizationError { .malformedJSONLine(file: file, line: line, reason: reason) }
    guard let object = (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any] else {
      throw malformed("expected a JSON object, found none")
    }
    func string(_ key: String) throws(TokenizationError) -> String? {
      guard let value = object[key] else { return nil }
      guard let string = value as? String else {
        throw malformed("\"\(key)\": expected a string, found \(Self.shown(value))")
      }
      return string
    }
    switch (try string(keys.text), try string(keys.prompt), try string(keys.completion)) {
    case (let text?, nil, nil):
      self.text = text
    case (nil, let prompt?, let completion?):
      (self.prompt, text) = (prompt, completion)
    default:
      let found = object.keys.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
      throw malformed(
        "keys: expected either \"\(keys.text)\", or \"\(keys.prompt)\" and \"\(keys.completion)\", "
          + "found \(found.isEmpty ? "no key" : found)")
    }
  }

  /// A value that is no string, as errors show it.
  private static func shown(_ value: Any) -> String {
    switch value {
    case is NSNull: "null"
    case is [Any]: "an array"
    case is [String: Any]: "an object"
    default: "\(value)"
    }
  }
}
