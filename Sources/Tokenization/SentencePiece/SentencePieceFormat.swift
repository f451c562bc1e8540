import Foundation

extension TokenizerFormat {
  /// `tokenizer.model`, which T5's kin call `spiece.model`, or any file that ends in `.model`: a serialized
  /// SentencePiece model. (`sentencepiece.bpe.model` is none of them: models with such a file number its pieces
  /// differently.) A tokenizer.json beside it must agree with it.
  static let sentencePiece = TokenizerFormat(
    name: "SentencePiece", ending: "model", fileNames: ["tokenizer.model", "spiece.model"],
    load: { (file, beside) throws(TokenizationError) in
      let tokenizer = try SentencePieceTokenizer(
        contentsOf: file, filesBeside: beside.files, allowsDummyPrefix: !beside.forbidsPrefixSpace)
      if let text = beside.tokenizerJSON {
        try tokenizer.requireAgreement(
          with: TokenizerJSON(text, readsMerges: false), file: file.path,
          comparesPrefix: !beside.forbidsPrefixSpace)
      }
      return tokenizer
    },
    libraryFile: { SentencePieceLibrary.file })
}
