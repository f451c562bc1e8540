import DurableFiles
public import Foundation

/// One file of text.
public struct TextSource: Hashable, Sendable {
  /// How the text lies in the file.
  public enum Format: String, Sendable {
    /// The whole file is one document, blank lines and all.
    case plain
    /// JSON Lines: every line is a JSON object and a document; see `JSONLinesKeys`.
    case jsonLines
  }

  /// The endings of the names of the files that a folder of text is searched for.
  public static let folderExtensions = ["txt", "text", "md", "jsonl"]

  /// The file.
  public let file: URL
  /// How the text lies in it.
  public let format: Format
  /// The file's size in bytes when it was listed.
  public let byteCount: Int
  /// When the file was last changed, in seconds since 1970, as of when it was listed.
  public let modified: Double

  /// Examines `file`, which must exist. A name that ends in `.jsonl` means JSON Lines, every other name plain text.
  /// Throws `file`.
  public init(file: URL) throws(TokenizationError) {
    self.file = file
    format = file.pathExtension.lowercased() == "jsonl" ? .jsonLines : .plain
    do {
      let attributes = try FileManager.default.attributesOfItem(atPath: file.resolvingSymlinksInPath().path)
      byteCount = (attributes[.size] as? NSNumber)?.intValue ?? 0
      modified = (attributes[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
    } catch {
      throw .file(.unreadable(file: file.path, reason: "no such file, or no permission; check the path"))
    }
  }
}

/// The names of the keys in JSON Lines. Each object has either `text`, or `prompt` and `completion`, of which only the
/// completion counts, unless the corpus says otherwise. Other keys are left alone.
public struct JSONLinesKeys: Hashable, Sendable, Codable {
  /// The key of a whole text.
  public var text: String
  /// The key of what comes before the completion.
  public var prompt: String
  /// The key of what is to be learnt.
  public var completion: String

  /// The usual names.
  public init(text: String = "text", prompt: String = "prompt", completion: String = "completion") {
    self.text = text
    self.prompt = prompt
    self.completion = completion
  }
}

/// Text to train, distil or evaluate on: files in a fixed order.
public struct Corpus: Hashable, Sendable {
  /// The files, in the order they are read in.
  public let sources: [TextSource]
  /// What the keys are called in files of JSON Lines.
  public let keys: JSONLinesKeys
  /// Which tokens of rows with a prompt count.
  public let counting: CountedTokens

  /// Lists files and folders, in the order given. A folder stands for all files in it and below whose names end in one
  /// of `TextSource.folderExtensions`, sorted by path, hidden ones left out. Throws `file` or `noTextFiles`.
  public init(
    paths: [String], keys: JSONLinesKeys = JSONLinesKeys(), counting: CountedTokens = .completions
  ) throws(TokenizationError) {
    var sources: [TextSource] = []
    for path in paths {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
        sources += try Self.sources(inFolder: path)
      } else {
        sources.append(try TextSource(file: URL(fileURLWithPath: path)))
      }
    }
    guard !sources.isEmpty else { throw .noTextFiles(folder: "(no path)") }
    self.sources = sources
    self.keys = keys
    self.counting = counting
  }

  /// The size of all files in bytes.
  public var byteCount: Int { sources.reduce(0) { $0 + $1.byteCount } }

  /// The files' names, for messages about all of them.
  public var name: String { sources.map(\.file.path).joined(separator: ", ") }

  private static func sources(inFolder folder: String) throws(TokenizationError) -> [TextSource] {
    let names: [String]
    do {
      names = try FileManager.default.subpathsOfDirectory(atPath: folder)
    } catch {
      throw .file(.unreadable(file: folder, reason: error.localizedDescription))
    }
    let root = URL(fileURLWithPath: folder, isDirectory: true)
    var sources: [TextSource] = []
    for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      let file = root.appendingPathComponent(name)
      var isFolder: ObjCBool = false
      guard TextSource.folderExtensions.contains(file.pathExtension.lowercased()),
        !name.split(separator: "/").contains(where: { $0.hasPrefix(".") }),
        FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), !isFolder.boolValue
      else { continue }
      sources.append(try TextSource(file: file))
    }
    guard !sources.isEmpty else { throw .noTextFiles(folder: folder) }
    return sources
  }
}

/// How much text there is: what bits per byte and word perplexity are computed with.
public struct TextCounts: Hashable, Sendable {
  /// Bytes of UTF-8.
  public internal(set) var bytes = 0
  /// Words: what stands between white space (Unicode's White_Space).
  public internal(set) var words = 0
  /// Documents: plain files, and lines of JSON Lines.
  public internal(set) var documents = 0
}
