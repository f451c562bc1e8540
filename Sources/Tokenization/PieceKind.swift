/// What a token of a SentencePiece model or of a GGUF file stands for. The raw values are SentencePiece's, which are
/// llama.cpp's, too (`enum llama_token_type`).
public enum PieceKind: UInt8, Sendable {
  /// A piece of text, learnt.
  case normal = 1
  /// The piece that stands for everything the vocabulary lacks.
  case unknown = 2
  /// A sign such as the beginning of a text: never found in text, decoded to nothing.
  case control = 3
  /// A piece of text given by the user, always kept whole.
  case userDefined = 4
  /// A piece that is known but never produced.
  case unused = 5
  /// One byte of a character that the vocabulary lacks, `<0x00>` to `<0xFF>`.
  case byte = 6
}
