public import DurableFiles
public import Foundation

/// A kind of tokenizer, as it lies on disk. A new kind is a folder of sources and a line in `all`.
public struct TokenizerFormat: Sendable {
  /// What the kind is called.
  public let name: String
  /// The names of its files in a model's folder. The first makes a folder one with such a tokenizer; its ending is that
  /// of any file with such a tokenizer.
  public let fileNames: [String]
  /// Loads the tokenizer from the first of its files; others lie beside it.
  let load: @Sendable (URL) throws(TokenizationError) -> any Tokenizer
  /// The file of the library that this process has loaded to encode with; nil without one.
  public var libraryFile: @Sendable () -> String? = { nil }

  /// All kinds. Where a folder has several, the one that comes first here is taken; so it is for files whose ending is
  /// nobody's.
  public static let all: [TokenizerFormat] = [.sentencePiece]

  /// The kind of the tokenizer in a model's folder, or `nil` if there is none.
  public static func ofFolder(_ folder: URL) -> TokenizerFormat? {
    all.first { FileManager.default.fileExists(atPath: folder.appendingPathComponent($0.fileNames[0]).path) }
  }

  /// The kind of the tokenizer in `file`, by the ending of its name.
  static func ofFile(_ file: URL) -> TokenizerFormat {
    all.first { $0.fileNames[0].hasSuffix(".\(file.pathExtension.lowercased())") } ?? all[0]
  }
}

/// The tokenizer at `url`, a file or a model's folder, of whatever kind it is. Throws `file` where there is none, and
/// what is wrong with its files.
public func loadTokenizer(from url: URL) throws(TokenizationError) -> any Tokenizer {
  guard isFolder(url) else { return try TokenizerFormat.ofFile(url).load(url) }
  let format = TokenizerFormat.ofFolder(url) ?? TokenizerFormat.all[0]
  return try format.load(url.appendingPathComponent(format.fileNames[0]))
}

/// The files of the tokenizer in a model's folder, as they are; none if it has no tokenizer. Throws what the disk
/// refuses.
public func tokenizerFiles(in folder: URL) throws(FileError) -> [NamedFile] {
  guard let format = TokenizerFormat.ofFolder(folder) else { return [] }
  var files: [NamedFile] = []
  for name in format.fileNames {
    let file = folder.appendingPathComponent(name)
    guard FileManager.default.fileExists(atPath: file.path) else { continue }
    do { files.append(NamedFile(name: name, contents: try Data(contentsOf: file))) } catch {
      throw .unreadable(file: file.path, reason: error.localizedDescription)
    }
  }
  return files
}

private func isFolder(_ url: URL) -> Bool {
  (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory == true
}
