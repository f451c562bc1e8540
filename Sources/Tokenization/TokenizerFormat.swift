public import DurableFiles
public import Foundation

/// A kind of tokenizer, as it lies on disk. A new kind is a folder of sources and a line in `all`.
public struct TokenizerFormat: Sendable {
  /// What the kind is called.
  public let name: String
  /// What the name of any file with such a tokenizer ends with, after the dot.
  public let ending: String
  /// The names that its file may have in a model's folder, the first of them the one it is written with; none where the
  /// file is a model by itself.
  public let fileNames: [String]
  /// Loads the tokenizer from its file, with what Hugging Face's files beside it say.
  let load: @Sendable (URL, HuggingFaceTokenizerFiles) throws(TokenizationError) -> any Tokenizer
  /// The file of the library that this process has loaded to encode with; nil without one.
  public var libraryFile: @Sendable () -> String? = { nil }

  /// All kinds. Where a folder has several, the one that comes first here is taken; so it is for files whose ending is
  /// nobody's.
  public static let all: [TokenizerFormat] = [.sentencePiece, .tokenizerJSON, .gguf]

  /// The kind of the tokenizer in a model's folder, or `nil` if there is none.
  public static func ofFolder(_ folder: URL) -> TokenizerFormat? { located(in: folder)?.format }

  /// The kind of the tokenizer in `file`, by the ending of its name.
  static func ofFile(_ file: URL) -> TokenizerFormat {
    all.first { $0.ending == file.pathExtension.lowercased() } ?? all[0]
  }

  /// The tokenizer's own file in a model's folder.
  static func located(in folder: URL) -> (format: TokenizerFormat, file: URL)? {
    for format in all {
      for name in format.fileNames {
        let file = folder.appendingPathComponent(name)
        if FileManager.default.fileExists(atPath: file.path) { return (format, file) }
      }
    }
    return nil
  }
}

/// The tokenizer at `url`, a file (a GGUF model, too) or a model's folder, of whatever kind it is. What Hugging Face's
/// files in the folder add to it (added tokens, special ids) is part of it; so it is for a file that has the name of
/// one in a model's folder. Tokens beyond the `vocab_size` of the folder's config.json are left out. Throws `file`
/// where there is none, saying what is there instead, and what is wrong with its files.
public func loadTokenizer(from url: URL) throws(TokenizationError) -> any Tokenizer {
  let (format, file): (TokenizerFormat, URL)
  if isFolder(at: url.path) {
    guard let located = TokenizerFormat.located(in: url) else { throw .file(missingTokenizer(in: url)) }
    (format, file) = located
  } else {
    (format, file) = (TokenizerFormat.ofFile(url), url)
    guard format.fileNames.contains(url.lastPathComponent) else {
      // a tokenizer.json of another name lists its own added tokens
      let own =
        file.pathExtension.lowercased() == "json"
        ? try HuggingFaceTokenizerFiles(tokenizerJSON: file) : HuggingFaceTokenizerFiles()
      return try own.adding(to: format.load(file, own), limit: nil)
    }
  }
  let folder = file.deletingLastPathComponent()
  let beside = try HuggingFaceTokenizerFiles(in: folder)
  return try beside.adding(to: format.load(file, beside), limit: vocabularySize(ofModelIn: folder))
}

/// The added tokens of a model's folder for whose ids a model of so many outputs has no row: in text they are read
/// as any other text. Throws what is wrong with the folder's files.
public func addedTokens(beyond vocabularySize: Int, in folder: URL) throws(TokenizationError) -> [String] {
  try HuggingFaceTokenizerFiles(in: folder).listed().filter { Int($0.id) >= vocabularySize }.map(\.content)
}

/// The files of the tokenizer in a model's folder, as they are; none if it has no tokenizer. Throws what the disk
/// refuses.
public func tokenizerFiles(in folder: URL) throws(FileError) -> [NamedFile] {
  guard let own = TokenizerFormat.located(in: folder)?.file.lastPathComponent else { return [] }
  return try namedFiles([own] + HuggingFaceTokenizerFiles.names.filter { $0 != own }, in: folder)
}

/// Those of some files that a folder has. Throws what the disk refuses.
func namedFiles(_ names: [String], in folder: URL) throws(FileError) -> [NamedFile] {
  var files: [NamedFile] = []
  for name in names {
    let file = folder.appendingPathComponent(name)
    guard FileManager.default.fileExists(atPath: file.path) else { continue }
    do { files.append(NamedFile(name: name, contents: try Data(contentsOf: file))) } catch {
      throw .unreadable(file: file.path, reason: error.localizedDescription)
    }
  }
  return files
}

/// The error for a folder without a tokenizer that can be read.
private func missingTokenizer(in folder: URL) -> FileError {
  let names = TokenizerFormat.all.compactMap(\.fileNames.first)
  let remedy =
    "get \(names.joined(separator: " or ")) from the page of the model, or of the one it was made from, and put it "
    + "there"
  let others = [
    ("sentencepiece.bpe.model", "whose ids are not those of the model"),
    ("vocab.json", "which says too little without tokenizer.json"), ("tekken.json", "which cannot be read"),
  ]
  let found = others.first { FileManager.default.fileExists(atPath: folder.appendingPathComponent($0.0).path) }
  return .missing(
    file: folder.appendingPathComponent(names[0]).path,
    advice: found.map { "the folder has \($0.0) instead, \($0.1); \(remedy)" }
      ?? "the folder has no tokenizer; \(remedy)")
}

/// V of the model in a folder; nil if that is not plain. (What is wrong with config.json is for others to say.)
private func vocabularySize(ofModelIn folder: URL) -> Int? {
  guard let json = try? Data(contentsOf: folder.appendingPathComponent("config.json")),
    case .object(let members) = try? JSONValue(parsing: Array(json), file: "config.json", dialect: .python),
    case .integer(let size) = members["vocab_size"]
  else { return nil }
  return size
}
