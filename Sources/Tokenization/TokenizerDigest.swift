/// What distinguishes a tokenizer from every other one: SHA-256 of all that turns text into ids: vocabulary, special
/// ids and settings. Two tokenizers with the same digest turn every text into the same ids.
public struct TokenizerDigest: Hashable, Sendable, Codable, CustomStringConvertible {
  /// 64 lower-case hexadecimal digits.
  public let hexadecimal: String

  /// A digest read from a file, 64 lower-case hexadecimal digits.
  public init(hexadecimal: String) { self.hexadecimal = hexadecimal }

  /// The hexadecimal digits.
  public var description: String { hexadecimal }

  /// The digest is stored as the plain string.
  public init(from decoder: any Decoder) throws {
    hexadecimal = try decoder.singleValueContainer().decode(String.self)
  }

  /// The digest is stored as the plain string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(hexadecimal)
  }
}
