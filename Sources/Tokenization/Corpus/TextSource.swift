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
    public init(pathExtension: String) {
      switch pathExtension.lowercased() {
      case "jsonl", "ndjson": self = .jsonLines
      case "json": self = .json
      default: self = .plain
      }
    }
  }

  enum Content: Hashable, Sendable {
    case file(URL)
    case memory(String)
  }

  /// The endings of the names of the files that a folder of text is searched for.
  public static let folderExtensions = ["txt", "text", "md", "jsonl", "ndjson", "json"]

  /// What errors call it: the file's path.
  public let name: String
  /// How the text lies in it.
  public let format: Format
  /// The size in bytes, of a file when it was listed.
  public let byteCount: Int
  let content: Content

  /// Examines `file`, which must exist; links are followed. A name that ends in `.jsonl` or `.ndjson` means JSON Lines,
  /// `.json` JSON, every other name plain text. Throws `file`, or `notText` for what is clearly no text, such as a
  /// compressed file, whatever its name.
  public init(file: URL) throws(TokenizationError) {
    name = file.path
    format = Format(pathExtension: file.pathExtension)
    content = .file(file)
    let beginning = try FileBeginning(of: file)
    byteCount = beginning.fileSize
    if let kind = ForeignKind(of: beginning.bytes, named: file.lastPathComponent) {
      throw .notText(file: file.path, found: kind.name, advice: kind.advice)
    }
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
  private static let size = 1024

  let bytes: [UInt8]
  let fileSize: Int

  init(of file: URL) throws(TokenizationError) {
    var status = stat()
    guard stat(file.path, &status) == 0 else {
      throw .file(.unreadable(file: file.path, reason: "no such file, or no permission; check the path"))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let reason = "a regular file was expected, because it is read more than once; write the text to a file first"
      throw .file(.unreadable(file: file.path, reason: reason))
    }
    fileSize = Int(status.st_size)
    do {
      let handle = try FileHandle(forReadingFrom: file)
      defer { try? handle.close() }
      bytes = Array(try handle.read(upToCount: Self.size) ?? Data())
    } catch {
      throw .file(.unreadable(file: file.path, reason: "no such file, or no permission; check the path"))
    }
  }
}
