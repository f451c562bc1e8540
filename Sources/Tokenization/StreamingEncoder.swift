public import Foundation

/// Encodes a text that arrives in parts, in bounded memory: the ids are those of `Tokenizer.encode` for the whole text,
/// though it may be cut anywhere. (A tokenizer of whole words is an exception: it needs a text as a whole, and keeps it
/// until the end.)
public struct StreamingEncoder {
  private let name: String
  private var encoder: TokenEncoder
  private var validator = UTF8Validator()
  private var bytesDone = 0
  private var newlines = 0

  /// Begins a text; errors call it `name`. Up to `threads` threads encode each part (default: as many as the machine
  /// has cores).
  public init(
    _ tokenizer: any Tokenizer, name: String, threads: Int = ProcessInfo.processInfo.activeProcessorCount
  ) {
    self.name = name
    encoder = TokenEncoder(tokenizer, threads: threads)
  }

  /// Takes the next part, UTF-8 cut anywhere, and returns the ids that are certain by now. A part of some megabytes
  /// keeps all threads busy. Throws `notUTF8`, or `notText` for what by its beginning is another kind of file.
  public mutating func append(_ part: [UInt8]) throws(TokenizationError) -> [Int32] {
    if bytesDone == 0 { try ForeignKind.refuse(part, name: name) }
    if let invalid = validator.firstInvalid(in: part.span.bytes) {
      let before = part[..<invalid].count { $0 == 0x0A }
      throw .notUTF8(file: name, byteOffset: bytesDone + invalid, line: newlines + before + 1)
    }
    bytesDone += part.count
    newlines += part.count { $0 == 0x0A }
    return encoder.append(part)
  }

  /// Ends the text and returns the ids of the rest. Throws `notUTF8` if it ends inside a character.
  public mutating func finish() throws(TokenizationError) -> [Int32] {
    guard !validator.isInsideCharacter else {
      throw .notUTF8(file: name, byteOffset: bytesDone, line: newlines + 1)
    }
    return encoder.finish()
  }
}
