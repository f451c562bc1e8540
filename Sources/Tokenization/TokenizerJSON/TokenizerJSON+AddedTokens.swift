import DurableFiles
import Foundation

extension TokenizerJSON {
  /// The elements of `added_tokens` of a file alone; the rest is skipped. Throws `file` where it is damaged, and `value`
  /// where that is no array.
  static func addedTokens(contentsOf url: URL) throws(TokenizationError) -> [JSONValue] {
    let bytes = try bytes(of: url)
    let range = try JSONByteReader(bytes, file: url.path).members()["added_tokens"]
    switch try value(range, of: bytes, file: url.path) {
    case .null: return []
    case .array(let elements): return elements
    case let other: throw invalid(url.path, "added_tokens", expected: "an array", found: "\(other)")
    }
  }
}
