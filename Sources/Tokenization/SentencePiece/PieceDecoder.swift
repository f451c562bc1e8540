/// libsentencepiece's decoding, one id at a time.
struct PieceDecoder: TokenDecoder {
  private let tokenizer: SentencePieceTokenizer
  /// Puts the characters of byte pieces together; `nil` where their bytes are to stay as they are.
  private var assembler: UTF8Assembler?
  private let stripsSpace: Bool
  /// Whether a space here would be the dummy prefix.
  private var isAtStart = true
  private var hasStrippedPrefix = false
  private var hasText = false

  init(_ tokenizer: SentencePieceTokenizer, repairsUTF8: Bool) {
    self.tokenizer = tokenizer
    assembler = repairsUTF8 ? UTF8Assembler() : nil
    let normalizer = tokenizer.proto.normalizer
    stripsSpace = normalizer.addsDummyPrefix || normalizer.removesExtraWhitespace
  }

  mutating func append(_ id: Int32, to bytes: inout [UInt8]) {
    guard tokenizer.isKnown(id) else { return }
    let kind = tokenizer.kind(id)
    if kind == .byte {
      let byte = Self.byte(of: tokenizer.spelling(of: id))
      if assembler != nil { assembler?.append(byte, to: &bytes) } else { bytes.append(byte) }
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
      var piece = tokenizer.spelling(of: id)[...]
      if isAtStart, stripsSpace, piece.unicodeScalars.first == "\u{2581}" {
        piece.unicodeScalars.removeFirst()
        // Where extra spaces are removed, all leading ones are.
        hasStrippedPrefix = !tokenizer.proto.normalizer.removesExtraWhitespace
      }
      emit(piece, to: &bytes)
    }
  }

  mutating func append(text: [UInt8], to bytes: inout [UInt8]) {
    finish(to: &bytes)
    bytes += text
    if !text.isEmpty { hasText = true }
  }

  mutating func finish(to bytes: inout [UInt8]) { assembler?.finish(to: &bytes) }

  private mutating func emit(_ text: Substring, to bytes: inout [UInt8]) {
    for scalar in text.unicodeScalars {
      bytes += scalar == "\u{2581}" ? Array(" ".utf8) : Array(UTF8.encode(scalar)!)
    }
    if !text.isEmpty { hasText = true }
  }

  /// The byte of a piece `<0xNN>`.
  private static func byte(of piece: String) -> UInt8 { UInt8(piece.dropFirst(3).dropLast(), radix: 16) ?? 0 }
}
