public import DurableFiles
import Foundation

/// A tokenizer with a reduced vocabulary.
public struct ReducedTokenizer: Sendable {
  /// Which tokens it has.
  public let reduction: VocabularyReduction
  /// The tokenizer.
  public let tokenizer: any Tokenizer
  /// Its files, among them what it was reduced from.
  public let files: [NamedFile]
  /// What a file with metadata of its own says of that, by key: the content of `VocabularyOrigin.fileName`.
  public let notes: [String: String]

  /// Reduces a tokenizer. Throws what is wrong with its files, and `value` where it cannot be reduced.
  public init(_ original: any Tokenizer, by reduction: VocabularyReduction) throws(TokenizationError) {
    let tokenizer = try original.reducible.reduced(by: reduction)
    self.reduction = reduction
    self.tokenizer = tokenizer
    // it may have been reduced before
    let origin = VocabularyOrigin(of: original).file(for: tokenizer.digest)
    files = tokenizer.files.filter { $0.name != origin.name } + [origin]
    notes = [VocabularyOrigin.metadataKey: String(decoding: origin.contents, as: UTF8.self)]
  }
}

/// The files beside a tokenizer, with the ids of a reduction.
struct ReducedFiles {
  let reduction: VocabularyReduction

  /// Those of some files, without a tokenizer.model, that belong to a tokenizer. Throws what is wrong with them.
  func beside(_ files: [NamedFile]) throws(TokenizationError) -> [NamedFile] {
    var result: [NamedFile] = []
    for file in files { result.append(try reduced(file)) }
    return result
  }

  private func reduced(_ file: NamedFile) throws(TokenizationError) -> NamedFile {
    switch file.name {
    case TokenizerJSON.fileName:
      let text = try TokenizerJSONText(Array(file.contents), file: file.name)
      return NamedFile(name: file.name, contents: try text.reduced(by: reduction))
    case "tokenizer_config.json":
      var members = try members(of: file)
      guard case .object(let added) = members["added_tokens_decoder"] else { return file }
      members["added_tokens_decoder"] = .object(
        Dictionary(
          uniqueKeysWithValues: added.compactMap { id, token in
            Int(id).flatMap { reduction.newID(of: $0) }.map { ("\($0)", token) }
          }))
      return self.file(file.name, members)
    case "added_tokens.json":
      let members = try members(of: file).compactMapValues { value -> JSONValue? in
        guard case .integer(let id) = value else { return nil }
        return reduction.newID(of: id).map { .integer($0) }
      }
      return self.file(file.name, members)
    default: return file
    }
  }

  private func members(of file: NamedFile) throws(TokenizationError) -> [String: JSONValue] {
    let value = try TokenizationError.wrapping { () throws(FileError) in
      try JSONValue(parsing: Array(file.contents), file: file.name, dialect: .python)
    }
    if case .object(let members) = value { return members } else { return [:] }
  }

  private func file(_ name: String, _ members: [String: JSONValue]) -> NamedFile {
    NamedFile(name: name, contents: Data((JSONValue.object(members).text(indentation: 2) + "\n").utf8))
  }
}
