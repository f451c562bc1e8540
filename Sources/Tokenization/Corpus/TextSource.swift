import DurableFiles
public import Foundation
import Glibc

/// One text: a file, or a text in memory.
public struct TextSource: Hashable, Sendable {
  /// How the text lies in it.
  public enum Format: String, Sendable {
    /// The whole text is one document, blank lines and all.
    case plain
    /// JSON Lines: every line is a JSON object and a document; see `JSONLinesKeys`.
    case jsonLines
    /// JSON: an array of such objects, or objects one after another.
    case json

    /// The format of a file whose name ends so, by default plain text.
    public init(pathExtension: String) { self = Self.known[pathExtension.lowercased()] ?? .plain }

    fileprivate static let known: [String: Self] = [
      "jsonl": .jsonLines, "ndjson": .jsonLines, "jsonlines": .jsonLines, "jl": .jsonLines, "json": .json,
      "txt": .plain, "text": .plain, "md": .plain,
    ]
  }

  /// The first bytes of a file by which its kind is told.
  static let examinedBytes = 1024

  enum Content: Hashable, Sendable {
    case file(URL)
    case memory(String)
  }

  /// The endings of the names of the files that a folder of text is searched for.
  public static let folderExtensions = ["txt", "text", "md", "jsonl", "ndjson", "jsonlines", "jl", "json"]

  /// The ending of a file's name that says what is in it. Of a link whose own name says nothing, it is that of the file
  /// that it leads to.
  static func pathExtension(of file: URL) -> String {
    let own = file.pathExtension.lowercased()
    if Format.known[own] != nil || ForeignKind(ofName: file.lastPathComponent) != nil { return own }
    let target = file.resolvingSymlinksInPath()
    return target.lastPathComponent == file.lastPathComponent ? own : target.pathExtension.lowercased()
  }

  /// What errors call it: the file's path.
  public let name: String
  /// How the text lies in it.
  public let format: Format
  /// The size in bytes, of a file when it was listed.
  public let byteCount: Int
  let content: Content

  /// Examines `file`, which must exist; links are followed. A name that ends in `.jsonl`, `.ndjson`, `.jsonlines` or
  /// `.jl` means JSON Lines, `.json` JSON, every other name plain text; a link whose own name does not say it is what
  /// the file is that it leads to. Throws `file`, or `notText` for what is clearly no text, such as a compressed file,
  /// whatever its name, or a table, such as `.csv`.
  public init(file: URL) throws(TokenizationError) {
    let pathExtension = Self.pathExtension(of: file)
    name = file.path
    format = Format(pathExtension: pathExtension)
    content = .file(file)
    let beginning = try FileBeginning(of: file)
    byteCount = beginning.fileSize
    let kind =
      ForeignKind(of: beginning.bytes, named: file.lastPathComponent) ?? ForeignKind(ofName: "x.\(pathExtension)")
    if let kind { throw .notText(file: file.path, found: kind.name, advice: kind.advice) }
  }

  /// A text in memory, a document; errors call it `name`.
  public init(text: String, name: String) {
    self.name = name
    format = .plain
    content = .memory(text)
    byteCount = text.utf8.count
  }

  /// The file; nil for a text in memory.
  public var file: URL? {
    if case .file(let url) = content { url } else { nil }
  }
}

/// The first bytes of a file, by which its kind is told.
private struct FileBeginning {
  let bytes: [UInt8]
  let fileSize: Int

  init(of file: URL) throws(TokenizationError) {
    var status = stat()
    guard stat(file.path, &status) == 0 else {
      throw .file(.unreadable(file: file.path, reason: "no such file, or no permission; check the path"))
    }
    guard status.st_mode & S_IFMT != S_IFDIR else {
      throw .file(.unreadable(file: file.path, reason: "a file was expected, but it is a folder"))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let reason = "a regular file was expected, because it is read more than once; write the text to a file first"
      throw .file(.unreadable(file: file.path, reason: reason))
    }
    fileSize = Int(status.st_size)
    do {
      let handle = try FileHandle(forReadingFrom: file)
      defer { try? handle.close() }
      bytes = Array(try handle.read(upToCount: TextSource.examinedBytes) ?? Data())
    } catch {
      throw .file(.unreadable(file: file.path, reason: "no such file, or no permission; check the path"))
    }
  }
}
