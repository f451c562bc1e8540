import LanguageModels

/// How a text is cut into windows, and which of their tokens are scored.
///
/// Window k of a document of n tokens has the tokens from k·S up to k·S + W, or up to n for the last one, which is the
/// first to reach n. It is fed BOS and its tokens but the last; the tokens that no window before it has scored are scored.
/// With S = W the windows are disjoint and all their tokens are scored; with S < W each window but the first sees W − S
/// tokens before the first one it scores. Every token is scored exactly once.
struct EvaluationWindows {
  struct Window {
    /// Which document it is of.
    let document: Int
    /// Its tokens.
    let tokens: Range<Int>
    /// How many of its first tokens have been scored by another window.
    let contextCount: Int
    /// The place of its first scored token among all tokens of the text.
    let position: Int
  }

  /// Windows of equal length and context, to be computed together.
  struct Batch {
    let windows: [Window]
    /// What the model is fed [B·T].
    let ids: [Int32]
    /// The rows of the hidden states [B·T, C] that predict scored tokens.
    let rows: [Int32]
    /// The scored tokens, one for each of `rows`.
    let targets: [Int32]
    /// The place of each scored token among all tokens of the text.
    let positions: [Int]
  }

  private let text: EvaluationText
  private let beginningID: Int32
  private let windows: [Window]
  private let batchSize: Int

  init(
    _ text: EvaluationText, window: Int, stride: Int?, batchSize: Int?,
    models: [(name: String, decoder: any DecoderModel)]
  ) throws(EvaluationError) {
    let stride = stride ?? window
    guard text.tokenCount > 0 else { throw .emptyText }
    guard text.tokenCount > 1 else { throw .tooFewTokens(found: text.tokenCount) }
    guard window >= 1 else { throw .invalidOption(name: "window", expected: "at least 1 token", found: window) }
    guard (1...window).contains(stride) else {
      throw .invalidOption(name: "stride", expected: "from 1 token to the \(window) of a window", found: stride)
    }
    if let batchSize, batchSize < 1 {
      throw .invalidOption(name: "batch-size", expected: "at least 1", found: batchSize)
    }
    for (name, decoder) in models {
      let contextLength = decoder.configuration.contextLength
      guard window <= contextLength else {
        throw .windowBeyondContext(model: name, window: window, contextLength: contextLength)
      }
    }
    guard let beginningID = text.beginningID ?? models.first?.decoder.configuration.bosTokenID.map({ Int32($0) }) else {
      throw .noBeginningToken
    }
    self.text = text
    self.beginningID = beginningID
    self.batchSize = batchSize ?? max(1, Self.tokensTogether / window)
    for (name, decoder) in models { try text.requireTokens(in: decoder, name: name, beginningID: beginningID) }

    var windows: [Window] = []
    var position = 0
    for (document, ids) in text.documents.enumerated() {
      var scored = 0
      for start in Swift.stride(from: 0, to: ids.count, by: stride) where scored < ids.count {
        let end = min(start + window, ids.count)
        windows.append(
          Window(document: document, tokens: start..<end, contextCount: scored - start, position: position + scored))
        scored = end
      }
      position += ids.count
    }
    // Longest first, so that windows of equal length can be computed together.
    self.windows = windows.sorted {
      ($1.tokens.count, $0.contextCount, $0.position) < ($0.tokens.count, $1.contextCount, $1.position)
    }
  }

  /// Tokens per forward pass where the caller does not say how many windows: enough for full matrix products, few enough
  /// for the hidden states to stay small.
  private static let tokensTogether = 4096

  /// Calls `body` with each batch.
  func forEachBatch(_ body: (Batch) throws(EvaluationError) -> Void) throws(EvaluationError) {
    var start = 0
    while start < windows.count {
      var end = start + 1
      while end < windows.count, end - start < batchSize, windows[end].tokens.count == windows[start].tokens.count {
        end += 1
      }
      try body(batch(Array(windows[start..<end])))
      start = end
    }
  }

  private func batch(_ windows: [Window]) -> Batch {
    var ids: [Int32] = []
    var rows: [Int32] = []
    var targets: [Int32] = []
    var positions: [Int] = []
    for window in windows {
      let tokens = text.documents[window.document][window.tokens]
      let first = ids.count
      ids.append(beginningID)
      ids += tokens.dropLast()
      let scored = window.contextCount..<tokens.count
      rows += scored.map { Int32(first + $0) }
      targets += tokens.dropFirst(window.contextCount)
      positions += scored.map { window.position + $0 - window.contextCount }
    }
    return Batch(windows: windows, ids: ids, rows: rows, targets: targets, positions: positions)
  }
}

extension EvaluationText {
  fileprivate func requireTokens(
    in decoder: any DecoderModel, name: String, beginningID: Int32
  ) throws(EvaluationError) {
    let vocabularySize = decoder.configuration.vocabularySize
    guard (0..<vocabularySize).contains(Int(beginningID)) else {
      throw .tokenOutsideVocabulary(model: name, id: beginningID, position: nil, vocabularySize: vocabularySize)
    }
    var position = 0
    for document in documents {
      if let index = document.firstIndex(where: { $0 < 0 || Int($0) >= vocabularySize }) {
        throw .tokenOutsideVocabulary(
          model: name, id: document[index], position: position + index, vocabularySize: vocabularySize)
      }
      position += document.count
    }
  }
}
