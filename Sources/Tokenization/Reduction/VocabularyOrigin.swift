public import DurableFiles
import Foundation

/// What a tokenizer with a reduced vocabulary was made from: a file beside it, which goes wherever the tokenizer goes.
public struct VocabularyOrigin: Hashable, Sendable {
  /// The file's name in a model's folder.
  public static let fileName = "limbeck.vocabulary.json"
  /// The key of its content in the metadata of a GGUF file.
  static let metadataKey = "limbeck.vocabulary"

  /// What the original tokenizer is distinguished by; of one that was itself reduced, the very first one.
  public var digest: TokenizerDigest
  /// The original's number of tokens.
  public var tokenCount: Int

  /// What `tokenizer` was reduced from, or itself where it was not.
  public init(of tokenizer: any Tokenizer) {
    self = tokenizer.origin ?? VocabularyOrigin(digest: tokenizer.digest, tokenCount: tokenizer.vocabularySize)
  }

  init(digest: TokenizerDigest, tokenCount: Int) { (self.digest, self.tokenCount) = (digest, tokenCount) }

  /// The file beside a tokenizer that was reduced. It names that tokenizer, too: beside another one it says nothing.
  public func file(for reduced: TokenizerDigest) -> NamedFile {
    let members = JSONValue.object([
      "tokenizer": .string(reduced.hexadecimal),
      "reduced_from": .object(["tokenizer": .string(digest.hexadecimal), "tokens": .integer(tokenCount)]),
    ])
    return NamedFile(name: Self.fileName, contents: Data((members.text(indentation: 2) + "\n").utf8))
  }

  /// What a file says; nil where it is damaged or says it of a tokenizer other than `reduced`.
  init?(_ file: NamedFile, of reduced: TokenizerDigest) {
    guard case .object(let members) = try? JSONValue(parsing: Array(file.contents), file: file.name),
      members["tokenizer"] == .string(reduced.hexadecimal), case .object(let origin) = members["reduced_from"],
      case .string(let digest) = origin["tokenizer"], case .integer(let tokenCount) = origin["tokens"]
    else { return nil }
    self.init(digest: TokenizerDigest(hexadecimal: digest), tokenCount: tokenCount)
  }
}

extension VocabularyOrigin: CustomStringConvertible {
  /// `262144 tokens (digest 0123456789ab…)`.
  public var description: String { "\(tokenCount) tokens (digest \(digest.hexadecimal.prefix(12))…)" }
}

extension Tokenizer {
  /// What the tokenizer was reduced from; nil where it was not.
  public var origin: VocabularyOrigin? {
    files.first { $0.name == VocabularyOrigin.fileName }.flatMap { VocabularyOrigin($0, of: digest) }
  }
}
