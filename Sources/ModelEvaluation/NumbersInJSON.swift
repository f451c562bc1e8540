/// Numbers that may overflow, in JSON, which has neither infinity nor NaN: `null` stands for them.
extension KeyedEncodingContainer {
  /// Writes a number, or `null` where it is not finite.
  package mutating func encodeNumber(_ value: Double, forKey key: Key) throws {
    if value.isFinite { try encode(value, forKey: key) } else { try encodeNil(forKey: key) }
  }
}

extension KeyedDecodingContainer {
  /// A number; `null` stands for `overflow`.
  package func decodeNumber(forKey key: Key, null overflow: Double) throws -> Double {
    try decodeNil(forKey: key) ? overflow : decode(Double.self, forKey: key)
  }
}
