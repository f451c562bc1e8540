/// Decodes ids one at a time, for text that is shown while it is being made. It never emits half a character: the bytes
/// of one are held until it is complete. All that it returns, joined, is what `decode` makes of all the ids.
///
/// ```swift
/// var decoder = StreamingDecoder(tokenizer)
/// for id in ids { show(decoder.append(id)) }
/// show(decoder.finish())
/// ```
public struct StreamingDecoder: Sendable {
  private var decoder: any TokenDecoder

  /// Starts a new text, or goes on after a prompt: what follows the ids of one is decoded as its continuation, so that
  /// its first space is a space.
  public init(_ tokenizer: any Tokenizer, after prompt: [Int32] = []) {
    decoder = tokenizer.makeDecoder(repairsUTF8: true)
    for id in prompt { _ = append(id) }
  }

  /// Takes the next id and returns the text that is certain by now; often "" in the middle of a character.
  public mutating func append(_ id: Int32) -> String {
    var bytes: [UInt8] = []
    decoder.append(id, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Ends the text and returns the rest, in which each byte of an incomplete character is a U+FFFD.
  public mutating func finish() -> String {
    var bytes: [UInt8] = []
    decoder.finish(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
}
