import DurableFiles
import Foundation

/// A kind of tokenizer that a `tokenizer.json` may hold. A new kind is a line in `all`.
struct TokenizerJSONKind: Sendable {
  /// What the kind is called.
  let name: String
  /// Whether a file is of this kind; what is wrong with it is for `load` to say.
  let recognises: @Sendable (TokenizerJSON) -> Bool
  /// Makes the tokenizer, with what Hugging Face's files beside it say.
  let load: @Sendable (TokenizerJSON, HuggingFaceTokenizerFiles) throws(TokenizationError) -> any Tokenizer

  /// All kinds; the first that recognises a file is taken.
  static let all: [TokenizerJSONKind] = [.byteLevelBPE, .sentencePieceBPE, .sentencePieceUnigram]

  /// The tokenizer that a file holds. Throws `value` where it is of no kind known.
  static func tokenizer(
    _ json: TokenizerJSON, _ beside: HuggingFaceTokenizerFiles
  ) throws(TokenizationError) -> any Tokenizer {
    guard let kind = all.first(where: { $0.recognises(json) }) else {
      let names = all.map(\.name).joined(separator: " or ")
      throw json.invalid(
        "model", expected: names,
        found: "\(json.modelType ?? "a model without type") with the pre_tokenizer \(json.preTokenizer.text())")
    }
    return try kind.load(json, beside)
  }
}

extension TokenizerFormat {
  /// `tokenizer.json` of huggingface/tokenizers, of one of `TokenizerJSONKind.all`.
  static let tokenizerJSON = TokenizerFormat(
    name: "Hugging Face", ending: "json", fileNames: [TokenizerJSON.fileName],
    load: { (file, beside) throws(TokenizationError) in
      let text: TokenizerJSONText
      if let read = beside.tokenizerJSON { text = read } else { text = try TokenizerJSONText(contentsOf: file) }
      return try TokenizerJSONKind.tokenizer(TokenizerJSON(text), beside)
    })
}
