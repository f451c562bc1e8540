/// A document as ids, without BOS and EOS, each of which counts or does not. A plain file is a document, and so is a
/// row of JSON.
public struct TokenizedDocument: Hashable, Sendable {
  /// Its ids.
  public private(set) var ids: [Int32]
  /// The places of the ids that count: stretches of `ids`, ascending, none of them empty.
  public private(set) var counted: [Range<Int>]

  /// A document of which all ids count; an empty one by default.
  public init(_ ids: [Int32] = []) {
    self.ids = ids
    counted = ids.isEmpty ? [] : [0..<ids.count]
  }

  /// A prompt, which does not count, and its completion, which does.
  public init(prompt: [Int32], completion: [Int32]) {
    self.init()
    append(prompt, counted: false)
    append(completion, counted: true)
  }

  /// Adds ids at the end, all of which count, or none.
  public mutating func append(_ more: [Int32], counted isCounted: Bool) {
    guard !more.isEmpty else { return }
    let start = ids.count
    ids += more
    guard isCounted else { return }
    if let last = counted.last, last.upperBound == start {
      counted[counted.count - 1] = last.lowerBound..<ids.count
    } else {
      counted.append(start..<ids.count)
    }
  }

  /// Takes the last id away; there must be one.
  public mutating func removeLast() {
    ids.removeLast()
    guard let last = counted.last, last.upperBound > ids.count else { return }
    counted.removeLast()
    if last.count > 1 { counted.append(last.lowerBound..<ids.count) }
  }

  /// The number of ids that count.
  public var countedTokens: Int { counted.reduce(0) { $0 + $1.count } }

  /// The ids that count.
  public var countedIDs: [Int32] { counted.flatMap { ids[$0] } }
}
