extension TokenizerFormat {
  /// `tokenizer.model`, which T5's kin call `spiece.model`, or any file that ends in `.model`: a serialized
  /// SentencePiece model. (`sentencepiece.bpe.model` is none of them: models with such a file number its pieces
  /// differently.)
  static let sentencePiece = TokenizerFormat(
    name: "SentencePiece", fileNames: ["tokenizer.model", "spiece.model"],
    load: { (file, beside) throws(TokenizationError) in
      try SentencePieceTokenizer(
        contentsOf: file, filesBeside: beside.files, allowsDummyPrefix: !beside.forbidsPrefixSpace)
    },
    libraryFile: { SentencePieceLibrary.file })
}
