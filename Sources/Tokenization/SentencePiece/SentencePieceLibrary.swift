import CSentencePiece

/// libsentencepiece as it is installed here.
enum SentencePieceLibrary {
  /// The file that this process has loaded; nil if that cannot be told. The library itself does not tell its version.
  static var file: String? {
    guard let path = sentencepiece_library_file() else { return nil }
    defer { sentencepiece_free(path) }
    return String(cString: path)
  }
}
