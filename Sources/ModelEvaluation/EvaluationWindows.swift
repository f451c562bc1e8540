import Diagnostics
import LanguageModels
import Tokenization

/// How a text is cut into windows, and which of their tokens are scored: the one definition for perplexity, comparisons
/// and the validation of training.
///
/// Window k of a document of n tokens has the tokens from k·S up to k·S + W, or up to n for the last one, which is the
/// first to reach n. It is fed BOS and its tokens but the last; the tokens that count and that no window before it has
/// scored are scored. With S = W the windows are disjoint; with S < W each window but the first sees W − S tokens
/// before the first one it scores. Every token that counts is scored exactly once, and a window without such a token is
/// left out.
package struct EvaluationWindows: Sendable {
  private struct Window {
    /// Which document it is of.
    let document: Int
    /// Its tokens.
    let tokens: Range<Int>
    /// How many of its first tokens have been scored by another window.
    let contextCount: Int
    /// The place of its first scored token among the tokens of the text that count.
    let position: Int
  }

  /// Windows to be computed together; those shorter than the longest are filled up behind their end.
  package struct Batch: Sendable {
    /// The number of windows.
    package let windowCount: Int
    /// What the model is fed [B·T].
    package let ids: [Int32]
    /// The rows of the hidden states [B·T, C] that predict scored tokens, ascending.
    package let rows: [Int32]
    /// The scored tokens, one for each of `rows`.
    package let targets: [Int32]
    /// The place of each scored token among the tokens of the text that count.
    package let positions: [Int]
  }

  /// The number of windows that have a token to score; they are numbered in the order of the text.
  package var count: Int { windows.count }
  /// The tokens that are scored.
  package let scoredTokens: Int

  private let text: EvaluationText
  private let beginningID: Int32
  private let windows: [Window]

  /// Cuts a text. BOS is that of the text, or else `beginningID`. Throws `value` for a window or stride that cannot be,
  /// `emptyText`, `nothingCounted` and `noBeginningToken`.
  package init(
    _ text: EvaluationText, window: Int, stride: Int? = nil, beginningID: Int32?
  ) throws(EvaluationError) {
    let stride = stride ?? window
    guard text.tokenCount > 0 else { throw .emptyText }
    guard text.countedTokens > 0 else { throw .nothingCounted }
    guard window >= 1 else {
      throw .value(InvalidValue("window", expected: "at least 1 token", found: "\(window)"))
    }
    guard (1...window).contains(stride) else {
      throw .value(
        InvalidValue("stride", expected: "from 1 token to the \(window) of a window", found: "\(stride)"))
    }
    guard let beginningID = text.beginningID ?? beginningID else { throw .noBeginningToken }
    self.text = text
    self.beginningID = beginningID
    scoredTokens = text.countedTokens

    var windows: [Window] = []
    var position = 0
    for (index, document) in text.documents.enumerated() {
      var seen = 0
      var start = 0
      while seen < document.ids.count {
        let end = min(start + window, document.ids.count)
        let scored = document.countedTokens(in: seen..<end)
        if scored > 0 {
          windows.append(
            Window(document: index, tokens: start..<end, contextCount: seen - start, position: position))
        }
        position += scored
        seen = end
        start += stride
      }
    }
    self.windows = windows
  }

  /// Which document of the text a window is of.
  package func document(ofWindow index: Int) -> Int { windows[index].document }

  /// The tokens that are scored in the first `count` windows, or in all.
  package func scoredTokens(ofFirst count: Int?) -> Int {
    count.flatMap { windows.indices.contains($0) ? windows[$0].position : nil } ?? scoredTokens
  }

  /// Tokens per forward pass where the caller does not say how many windows: enough for full matrix products, few
  /// enough for the hidden states to stay small.
  private static let tokensTogether = 4096

  /// The numbers of the windows, in groups that are computed together: the longest first, so that those of a group are
  /// about equally long; the shortest has at least 7/8 of the tokens of the longest.
  /// - Parameters:
  ///   - count: how many windows there are, from the beginning of the text; nil, the default, for all.
  ///   - batchSize: the most windows of a group; nil, the default, for as many as have 4,096 tokens.
  /// - Returns: the groups, each at least one number.
  package func groups(first count: Int? = nil, batchSize: Int? = nil) -> [[Int]] {
    let order = (0..<min(count ?? windows.count, windows.count)).sorted {
      (windows[$1].tokens.count, $0) < (windows[$0].tokens.count, $1)
    }
    var groups: [[Int]] = []
    var group: [Int] = []
    for index in order {
      let longest = windows[group.first ?? index].tokens.count
      let isFull = group.count >= batchSize ?? max(1, Self.tokensTogether / longest)
      if isFull || 8 * windows[index].tokens.count < 7 * longest {
        groups.append(group)
        group = []
      }
      group.append(index)
    }
    return group.isEmpty ? groups : groups + [group]
  }

  /// The windows with these numbers.
  package func batch(_ indices: [Int]) -> Batch {
    let length = indices.map { windows[$0].tokens.count }.max() ?? 0
    var ids: [Int32] = []
    var rows: [Int32] = []
    var targets: [Int32] = []
    var positions: [Int] = []
    ids.reserveCapacity(indices.count * length)
    for (place, index) in indices.enumerated() {
      let window = windows[index]
      let document = text.documents[window.document]
      ids.append(beginningID)
      ids += document.ids[window.tokens].dropLast()
      // attention looks back only: what stands behind the last token changes nothing
      ids += repeatElement(beginningID, count: length - window.tokens.count)
      let first = place * length - window.tokens.lowerBound
      let scored = window.tokens.lowerBound + window.contextCount..<window.tokens.upperBound
      var position = window.position
      for range in document.counted(in: scored) {
        rows += range.map { Int32(first + $0) }
        targets += document.ids[range]
        positions += position..<position + range.count
        position += range.count
      }
    }
    return Batch(windowCount: indices.count, ids: ids, rows: rows, targets: targets, positions: positions)
  }
}

extension TokenizedDocument {
  /// The stretches of counted tokens within `range`.
  package func counted(in range: Range<Int>) -> [Range<Int>] {
    // a long document of many turns has many stretches; the first that ends behind the beginning is found by halving
    var (low, high) = (0, counted.count)
    while low < high {
      let middle = (low + high) / 2
      if counted[middle].upperBound <= range.lowerBound { low = middle + 1 } else { high = middle }
    }
    return counted[low...].prefix { $0.lowerBound < range.upperBound }.map { $0.clamped(to: range) }
  }

  fileprivate func countedTokens(in range: Range<Int>) -> Int { counted(in: range).reduce(0) { $0 + $1.count } }
}
