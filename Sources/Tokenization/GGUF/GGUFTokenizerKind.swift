import GGUF

/// A kind of vocabulary that a GGUF file may hold, as `tokenizer.ggml.model` names it. A new kind is a line in `all`.
struct GGUFTokenizerKind: Sendable {
  /// What the file calls it.
  let name: String
  /// Makes the tokenizer, its added tokens included.
  let load: @Sendable (GGUFVocabulary) throws(TokenizationError) -> any Tokenizer

  /// All kinds.
  static let all: [GGUFTokenizerKind] = [.sentencePieceBPE, .byteLevelBPE]
}

extension TokenizerFormat {
  /// A GGUF file, whose metadata hold the vocabulary of its model.
  static let gguf = TokenizerFormat(
    name: "GGUF", ending: "gguf", fileNames: [],
    load: { (url, _) throws(TokenizationError) in
      let file: GGUFFile
      do throws(GGUFError) { file = try GGUFFile(contentsOf: url) } catch { throw TokenizationError(error) }
      let metadata = file.metadata
      let known = GGUFTokenizerKind.all.map(\.name).joined(separator: " or ")
      let name = try TokenizationError.wrapping { () throws(GGUFError) in
        try metadata.string(GGUFVocabulary.modelKey)
      }
      guard let kind = GGUFTokenizerKind.all.first(where: { $0.name == name }) else {
        throw .value(
          metadata.invalid(
            GGUFVocabulary.modelKey, expected: "a vocabulary of a kind that is known (\(known))",
            advice: "take the tokenizer from the page of the model that the file was made from"))
      }
      return try kind.load(GGUFVocabulary(metadata))
    })
}

extension TokenizationError {
  init(_ error: GGUFError) {
    switch error {
    case .file(let error): self = .file(error)
    case .value(let error): self = .value(error)
    }
  }

  /// Runs `body`; throws what is wrong with a GGUF file.
  static func wrapping<Result>(_ body: () throws(GGUFError) -> Result) throws(TokenizationError) -> Result {
    do throws(GGUFError) { return try body() } catch { throw TokenizationError(error) }
  }
}
