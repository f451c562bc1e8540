/// A tokenizer from a `tokenizer.json`, which itself says how added tokens go with it. (For others the files beside it
/// do.)
protocol AddedTokenRules: Tokenizer {
  /// Whether text that follows an added token is encoded as the beginning of one.
  var restartsTextAfterAddedTokens: Bool { get }
  /// `text` as the added tokens that are `normalized` are looked for in it; nil where it is that already. UTF-8.
  func normalized(_ text: ArraySlice<UInt8>) -> [UInt8]?
  /// What comes in front of text that begins before the added tokens that are `normalized` are looked for in it. UTF-8;
  /// by default nothing.
  var normalizedBeginning: [UInt8] { get }
}

extension AddedTokenRules {
  var normalizedBeginning: [UInt8] { [] }
}
