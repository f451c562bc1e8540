/// Decodes ids one at a time, for text that is shown while it is being made. It never emits half a character: the bytes
/// of one are held until it is complete. All that it returns, joined, is what `decode` makes of all the ids.
///
/// ```swift
/// var decoder = StreamingDecoder(tokenizer)
/// for id in ids { show(decoder.append(id)) }
/// show(decoder.finish())
/// ```
public struct StreamingDecoder: Sendable {
  private var decoder: PieceDecoder

  /// Starts a new text.
  public init(_ tokenizer: SentencePieceTokenizer) { decoder = PieceDecoder(tokenizer, repairs: true) }

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

/// libsentencepiece's decoding, one id at a time.
struct PieceDecoder: Sendable {
  private let tokenizer: SentencePieceTokenizer
  /// Whether bytes that are no UTF-8 become U+FFFD.
  private let repairs: Bool
  private let stripsSpace: Bool
  /// Bytes of one incomplete character, at most 3.
  private var held: [UInt8] = []
  /// Whether a space here would be the dummy prefix.
  private var isAtStart = true
  private var hasStrippedPrefix = false
  private var hasText = false

  init(_ tokenizer: SentencePieceTokenizer, repairs: Bool) {
    self.tokenizer = tokenizer
    self.repairs = repairs
    let normalizer = tokenizer.proto.normalizer
    stripsSpace = normalizer.addsDummyPrefix || normalizer.removesExtraWhitespace
  }

  mutating func append(_ id: Int32, to bytes: inout [UInt8]) {
    let id = tokenizer.known(id)
    let kind = tokenizer.kind(id)
    if kind == .byte {
      held.append(Self.byte(of: tokenizer.piece(id)))
      if repairs { emitCharacters(to: &bytes) } else { finish(to: &bytes) }
      hasText = true
      return
    }
    finish(to: &bytes)
    if hasStrippedPrefix || hasText { isAtStart = false }
    hasStrippedPrefix = false
    switch kind {
    case .control: break
    case .unknown: emit(tokenizer.proto.unknownSurface[...], to: &bytes)
    default:
      var piece = tokenizer.piece(id)[...]
      if isAtStart, stripsSpace, piece.unicodeScalars.first == "\u{2581}" {
        piece.unicodeScalars.removeFirst()
        // Where extra spaces are removed, all leading ones are.
        hasStrippedPrefix = !tokenizer.proto.normalizer.removesExtraWhitespace
      }
      emit(piece, to: &bytes)
    }
  }

  /// Gives up waiting for the rest of a character.
  mutating func finish(to bytes: inout [UInt8]) {
    for byte in held { if repairs { bytes += "\u{FFFD}".utf8 } else { bytes.append(byte) } }
    held = []
  }

  private mutating func emit(_ text: Substring, to bytes: inout [UInt8]) {
    for scalar in text.unicodeScalars {
      bytes += scalar == "\u{2581}" ? Array(" ".utf8) : Array(UTF8.encode(scalar)!)
    }
    if !text.isEmpty { hasText = true }
  }

  /// Emits what is complete or can no longer become a character, a byte of which is one U+FFFD.
  private mutating func emitCharacters(to bytes: inout [UInt8]) {
    while let lead = held.first {
      let length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0
      let trail = held.dropFirst().prefix(max(0, length - 1))
      let isBroken = length == 0 || trail.contains { $0 & 0xC0 != 0x80 }
      guard isBroken || held.count >= length else { return }
      if !isBroken, String(validating: held.prefix(length), as: UTF8.self) != nil {
        bytes += held.prefix(length)
        held.removeFirst(length)
      } else {
        bytes += "\u{FFFD}".utf8
        held.removeFirst()
      }
    }
  }

  /// The byte of a piece `<0xNN>`.
  private static func byte(of piece: String) -> UInt8 { UInt8(piece.dropFirst(3).dropLast(), radix: 16) ?? 0 }
}
