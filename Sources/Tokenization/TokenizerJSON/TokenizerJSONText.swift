import DurableFiles
import Foundation

/// The content of a `tokenizer.json`, in which the members of the outer object are known by their places: such a file
/// may have tens of megabytes, of which `added_tokens` alone is of use beside a tokenizer of another kind.
struct TokenizerJSONText: Sendable {
  let bytes: [UInt8]
  /// The file's path, for errors.
  let file: String
  /// Where the values of the outer object lie, by key.
  let members: [String: Range<Int>]

  /// Reads a file. Throws `file` where it is missing, no UTF-8 or, as far as the outer object shows it, no JSON.
  init(contentsOf url: URL) throws(TokenizationError) {
    let bytes = try TokenizationError.wrapping { () throws(FileError) in
      let mapped = try MappedFile(contentsOf: url)
      try mapped.requireNoPointer()
      return mapped.withBytes { $0.withUnsafeBytes { Array($0) } }
    }
    try self.init(bytes, file: url.path)
  }

  /// The content of a file, which errors call `file`. Throws as `init(contentsOf:)`.
  init(_ bytes: [UInt8], file: String) throws(TokenizationError) {
    var validator = UTF8Validator()
    if let invalid = validator.firstInvalid(in: bytes.span.bytes) {
      throw .file(.invalidJSON(file: file, byteOffset: invalid, reason: "it is not UTF-8"))
    }
    (self.bytes, self.file) = (bytes, file)
    members = try JSONByteReader(bytes, file: file).members()
  }

  /// The value at some place, null for none. Throws `file`.
  func value(at range: Range<Int>?) throws(TokenizationError) -> JSONValue {
    guard let range else { return .null }
    do throws(FileError) {
      return try JSONValue(parsing: Array(bytes[range]), file: file, dialect: .python)
    } catch .invalidJSON(_, let offset, let reason) {
      throw .file(.invalidJSON(file: file, byteOffset: range.lowerBound + offset, reason: reason))
    } catch { throw .file(error) }
  }

  /// The elements of `added_tokens`. Throws `file` where they are damaged, and `value` where that is no array.
  func addedTokens() throws(TokenizationError) -> [JSONValue] {
    switch try value(at: members["added_tokens"]) {
    case .null: return []
    case .array(let elements): return elements
    case let other: throw TokenizerJSON.invalid(file, "added_tokens", expected: "an array", found: "\(other)")
    }
  }
}
