import Foundation

/// The names of the keys of a row: a JSON object in a file of JSON or JSON Lines.
///
/// A row has either `text`, or `prompt` and `completion`, of which only the completion counts unless the corpus says
/// otherwise, or `messages`, a chat, of which what the assistant says counts. A key whose value is null, or NaN, is as
/// good as absent, and other keys are left alone: where there is a text, a prompt without a completion is one of these.
public struct JSONLinesKeys: Hashable, Sendable, Codable {
  /// The key of a whole text.
  public var text: String
  /// The key of what comes before the completion.
  public var prompt: String
  /// The key of what is to be learnt.
  public var completion: String

  /// What is meant in a row that has a text as well as a prompt and a completion; nil refuses such rows.
  public var preferred: RowKind?

  /// What a row may have.
  public enum RowKind: String, Hashable, Sendable, Codable {
    /// A whole text.
    case text
    /// A prompt and its completion.
    case completion
  }

  /// The usual names by default, and no preference.
  public init(
    text: String = "text", prompt: String = "prompt", completion: String = "completion", preferred: RowKind? = nil
  ) {
    self.text = text
    self.prompt = prompt
    self.completion = completion
    self.preferred = preferred
  }
}

/// Text to train, distil or evaluate on: files and texts in a fixed order.
public struct Corpus: Hashable, Sendable {
  /// The files and texts, in the order they are read in.
  public internal(set) var sources: [TextSource]
  /// What the keys of rows are called.
  public let keys: JSONLinesKeys
  /// Which tokens of rows with a prompt count.
  public let counting: CountedTokens
  /// How chats are written as text; by default without any sign of who speaks. With nil, chats are refused.
  public var chatFormat: ChatFormat? = .plain
  /// The files in the folders given that are not read, hidden ones aside.
  public let leftOut: [LeftOutFile]
  /// The part that is read; nil for all.
  var part: CorpusPart?

  /// Lists files and folders, in the order given; links are followed. A folder stands for all files in it and below
  /// whose names end in one of `TextSource.folderExtensions`, sorted by path, hidden ones left out. Throws `file`,
  /// `notText` or `noTextFiles`.
  public init(
    paths: [String], keys: JSONLinesKeys = JSONLinesKeys(), counting: CountedTokens = .completions
  ) throws(TokenizationError) {
    var (sources, leftOut) = ([TextSource](), [LeftOutFile]())
    for path in paths {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
        let listing = try FolderListing(path)
        guard !listing.sources.isEmpty else { throw .noTextFiles(folder: path, leftOut: listing.leftOut) }
        sources += listing.sources
        leftOut += listing.leftOut
      } else {
        sources.append(try TextSource(file: URL(fileURLWithPath: path)))
      }
    }
    guard !sources.isEmpty else { throw .noTextFiles(folder: "(no path)", leftOut: []) }
    self.sources = sources
    self.keys = keys
    self.counting = counting
    self.leftOut = leftOut
  }

  /// Texts in memory, each of them a document. Throws `emptyText` where there is nothing in them.
  public init(texts: some Sequence<String>, counting: CountedTokens = .completions) throws(TokenizationError) {
    sources = texts.enumerated().filter { !$1.isEmpty }.map { TextSource(text: $1, name: "text \($0 + 1)") }
    guard !sources.isEmpty else { throw .emptyText(file: "the texts in memory") }
    keys = JSONLinesKeys()
    leftOut = []
    self.counting = counting
  }

  /// The size of all files in bytes.
  public var byteCount: Int { sources.reduce(0) { $0 + $1.byteCount } }

  /// The files' names, for messages about all of them.
  public var name: String { sources.map(\.name).joined(separator: ", ") }
}

/// How much text there is: what bits per byte and word perplexity are computed with.
public struct TextCounts: Hashable, Sendable {
  /// Bytes of UTF-8.
  public internal(set) var bytes = 0
  /// Words: what stands between white space (Unicode's White_Space).
  public internal(set) var words = 0
  /// Documents: plain files, and rows of JSON.
  public internal(set) var documents = 0
}
