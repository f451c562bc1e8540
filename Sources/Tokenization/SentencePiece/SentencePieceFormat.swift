extension TokenizerFormat {
  /// `tokenizer.model`, or any file that ends in `.model`: a serialized SentencePiece model.
  static let sentencePiece = TokenizerFormat(
    name: "SentencePiece", fileNames: ["tokenizer.model"],
    load: { (file) throws(TokenizationError) in try SentencePieceTokenizer(contentsOf: file) },
    libraryFile: { SentencePieceLibrary.file })
}
