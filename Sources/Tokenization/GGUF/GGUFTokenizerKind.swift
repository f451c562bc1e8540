import GGUF

/// A kind of vocabulary that a GGUF file may hold, as `tokenizer.ggml.model` names it. A new kind is a line in `all`.
struct GGUFTokenizerKind: Sendable {
  /// What the file calls it.
  let name: String
  /// Makes the tokenizer, its added tokens included.
  let load: @Sendable (GGUFVocabulary) throws(TokenizationError) -> any Tokenizer

  /// All kinds.
  static let all: [GGUFTokenizerKind] = [.sentencePieceBPE, .byteLevelBPE]

  /// What helps where the vocabulary of a file cannot be read.
  static let remedy =
    "get the tokenizer from the page of the model that the file was made from, and name it instead, with --tokenizer"

  /// What is said of kinds that llama.cpp knows and that cannot be read.
  fileprivate static let refused = [
    "none": "the file has no vocabulary; \(remedy)",
    // `byte_fallback` is lost, and llama.cpp takes some files' unigram vocabularies for having none (llama.cpp#28862)
    "t5": "a unigram vocabulary is not told whole by the file: whether bytes stand in for what it lacks; \(remedy)",
    "bert": "WordPiece is for models that read, not for those that write",
  ]
}

extension TokenizerFormat {
  /// A GGUF file, whose metadata holds the vocabulary of its model.
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
            advice: GGUFTokenizerKind.refused[name ?? "none"] ?? GGUFTokenizerKind.remedy))
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
