public import Tokenization

/// A long row of token ids, each of which knows whether it counts in the loss where it is the target.
public protocol TokenSource: Sendable {
  /// The number of ids.
  var count: Int { get }
  /// The ids at `range`, which lies in 0..<count.
  func ids(_ range: Range<Int>) -> [Int32]
  /// Whether the id at `position`, which lies in 0..<count, counts in the loss as the token to be predicted.
  func countsInLoss(_ position: Int) -> Bool
  /// Whether the id at `position`, which lies in 0..<count, is the first one of a document.
  func beginsDocument(_ position: Int) -> Bool
  /// Whether all ids are known to count in the loss, so that none need be looked at.
  var countsEverywhere: Bool { get }
}

extension TokenSource {
  /// By default all ids are one document.
  public func beginsDocument(_ position: Int) -> Bool { position == 0 }
  /// Not known.
  public var countsEverywhere: Bool { false }
}

extension TokenFile: TokenSource {}

/// Token ids in memory.
public struct TokenArray: TokenSource {
  /// The ids.
  public let ids: [Int32]
  private let counted: [Bool]?
  private let documentStarts: Set<Int>

  /// Ids, with the mark whether each counts in the loss; all do without marks. Documents begin at `documentStarts`; by
  /// default all ids are one document.
  public init(_ ids: [Int32], counted: [Bool]? = nil, documentStarts: Set<Int> = [0]) {
    precondition(counted == nil || counted?.count == ids.count, "not one mark for each of \(ids.count) ids")
    self.ids = ids
    self.counted = counted
    self.documentStarts = documentStarts
  }

  /// The ids of documents, one after another, as they are.
  public init(_ documents: [TokenizedDocument]) {
    var (ids, counted, starts) = ([Int32](), [Bool](), Set<Int>())
    for document in documents where !document.ids.isEmpty {
      starts.insert(ids.count)
      var marks = Array(repeating: false, count: document.ids.count)
      for range in document.counted { for place in range { marks[place] = true } }
      ids += document.ids
      counted += marks
    }
    self.init(ids, counted: counted, documentStarts: starts)
  }

  /// The number of ids.
  public var count: Int { ids.count }

  /// The ids at `range`, which lies in 0..<count.
  public func ids(_ range: Range<Int>) -> [Int32] { Array(ids[range]) }

  /// Whether the id at `position` counts in the loss.
  public func countsInLoss(_ position: Int) -> Bool { counted?[position] ?? true }

  /// Whether the id at `position` is the first one of a document.
  public func beginsDocument(_ position: Int) -> Bool { documentStarts.contains(position) }

  /// Whether there are no marks.
  public var countsEverywhere: Bool { counted == nil }
}

/// Zeros that take no memory: the ids of a run that learns from no text, in which nobody reads them.
public struct PlaceholderTokens: TokenSource {
  /// The number of ids.
  public let count: Int

  /// So many ids.
  public init(count: Int) { self.count = count }

  /// Zeros.
  public func ids(_ range: Range<Int>) -> [Int32] { [Int32](repeating: 0, count: range.count) }

  /// True.
  public func countsInLoss(_ position: Int) -> Bool { true }

  /// True.
  public var countsEverywhere: Bool { true }
}
