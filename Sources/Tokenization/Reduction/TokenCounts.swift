import Diagnostics
import DurableFiles
public import Foundation

/// How often each token of a vocabulary occurs in some text.
public struct TokenCounts: Sendable {
  /// By id. The texts are encoded even where they come with ids that were recorded.
  public private(set) var counts: [Int]
  /// The number of tokens.
  public private(set) var tokens = 0

  /// Encodes a corpus and counts its tokens; those of prompts, too. `progress` hears how far the reading has come.
  /// Throws what is wrong with the text.
  public init(
    of corpus: Corpus, by tokenizer: any Tokenizer, threads: Int = ProcessInfo.processInfo.activeProcessorCount,
    progress: (TokenizationProgress) -> Void = { _ in }
  ) throws(TokenizationError) {
    var (counts, tokens) = ([Int](repeating: 0, count: tokenizer.vocabularySize), 0)
    try corpus.encode(by: [tokenizer], threads: threads, progress: progress) { _, ids in
      for id in ids { counts[Int(id)] += 1 }
      tokens += ids.count
    }
    (self.counts, self.tokens) = (counts, tokens)
  }

  /// The ids that occur, ascending.
  public var usedIDs: [Int32] { counts.indices.filter { counts[$0] > 0 }.map { Int32($0) } }

  /// The most frequent ids that `kept` does not have, at most `count` of them, the most frequent first; of equally
  /// frequent ones the lowest.
  func mostFrequent(_ count: Int, beside kept: VocabularyReduction) -> [Int32] {
    let others = usedIDs.filter { kept.newID(of: $0) == nil }
    return Array(others.sorted { (counts[Int($1)], $0) < (counts[Int($0)], $1) }.prefix(count))
  }
}

extension VocabularyReduction {
  /// Keeps what a text needs and, of the tokens that it does not need, the most frequent ones of another text with what
  /// they are made of.
  /// - Parameters:
  ///   - tokenizer: whose vocabulary it is.
  ///   - counts: the tokens of the text.
  ///   - others: those of the other text; nil for none.
  ///   - count: how many of them.
  ///   - special: ids that a model needs: of what begins and ends texts to it.
  /// - Throws: `value` where the tokenizer cannot be reduced.
  public init(
    of tokenizer: any Tokenizer, keeping counts: TokenCounts, and others: TokenCounts? = nil,
    mostFrequent count: Int = 0, special: [Int32] = []
  ) throws(TokenizationError) {
    let reducible = try tokenizer.reducible
    let used = counts.usedIDs + special
    let needed = try VocabularyReduction(of: reducible, keeping: used)
    guard let others, count > 0 else {
      self = needed
      return
    }
    try self.init(of: reducible, keeping: used + others.mostFrequent(count, beside: needed))
  }
}

extension ReducedTokenizer {
  /// Proves that a text has the same tokens as before: encodes all of it by both tokenizers, and compares id by id.
  /// - Parameters:
  ///   - original: the tokenizer before.
  ///   - corpus: the text.
  ///   - threads: how many encode.
  ///   - progress: hears how far the reading has come.
  /// - Returns: the number of tokens.
  /// - Throws: `value` with the first token that differs, and what is wrong with the text.
  @discardableResult public func requireSameTokens(
    as original: any Tokenizer, on corpus: Corpus, threads: Int = ProcessInfo.processInfo.activeProcessorCount,
    progress: (TokenizationProgress) -> Void = { _ in }
  ) throws(TokenizationError) -> Int {
    for (new, old) in reduction.keptIDs.enumerated()
    where !tokenizer.spelling(of: Int32(new)).utf8.elementsEqual(original.spelling(of: old).utf8) {
      throw difference(corpus, "id \(new)", original.spelling(of: old), tokenizer.spelling(of: Int32(new)))
    }
    var pending: [[Int32]] = [[], []]
    var tokens = 0
    // a document that one of them ends earlier leaves ids that the next one's do not equal
    try corpus.encode(by: [original, tokenizer], threads: threads, progress: progress) {
      (index, ids) throws(TokenizationError) in
      pending[index] += ids
      guard index == 1 else { return }
      let count = min(pending[0].count, pending[1].count)
      for place in 0..<count where reduction.newID(of: pending[0][place]) != pending[1][place] {
        let (old, new) = (pending[0][place], pending[1][place])
        throw difference(
          corpus, "token \(tokens + place)", original.spelling(of: old), tokenizer.spelling(of: new))
      }
      tokens += count
      for index in 0..<2 { pending[index].removeFirst(count) }
    }
    guard pending.allSatisfy(\.isEmpty) else {
      throw difference(
        corpus, "tokens", "\(tokens + pending[0].count) of them", "\(tokens + pending[1].count) of them")
    }
    return tokens
  }

  private func difference(_ corpus: Corpus, _ key: String, _ before: String, _ after: String) -> TokenizationError {
    .value(
      InvalidValue(
        corpus.name, key, expected: "\(JSONValue.quoted(before)), as before the vocabulary was reduced",
        found: JSONValue.quoted(after), advice: "this tokenizer cannot be reduced for this text; nothing is written"))
  }
}

extension Corpus {
  /// Encodes the corpus, prompts included, by several tokenizers side by side. `body` hears of each stretch of text the
  /// ids that are certain by then, of one tokenizer after another.
  fileprivate func encode(
    by tokenizers: [any Tokenizer], threads: Int, progress: (TokenizationProgress) -> Void,
    _ body: (_ index: Int, _ ids: [Int32]) throws(TokenizationError) -> Void
  ) throws(TokenizationError) {
    var reader = CorpusReader(self)
    var encoders: [TokenEncoder] = []
    while let event = try reader.nextEvent() {
      switch event {
      case .startOfDocument: encoders = tokenizers.map { TokenEncoder($0, threads: threads) }
      case .text(let text):
        for index in encoders.indices { try body(index, encoders[index].append(text)) }
      case .row(let row):
        for (index, tokenizer) in tokenizers.enumerated() {
          try body(index, tokenizer.encode(row.parts, threads: threads).flatMap(\.ids))
        }
      case .endOfDocument:
        for index in encoders.indices { try body(index, encoders[index].finish()) }
      }
      progress(TokenizationProgress(bytesDone: reader.bytesDone, bytesTotal: byteCount))
    }
  }
}
