import Diagnostics

/// A tokenizer whose vocabulary can be cut down to what some text needs, so that this text keeps its tokens.
///
/// Why this is exact, for BPE: two neighbours are merged where the vocabulary (or the list of merges) has what they
/// become, the best first, of equally good ones the leftmost. A merge is never undone. So every symbol that arises at
/// any time lies inside a token of the result, and since no merge that was made crosses the ends of that token before
/// it is whole, what happened inside depends on its own text alone: the symbols that arise in a text are those that
/// arise when the text of each of its tokens is merged by itself (`derivation`). Take away tokens that never arise.
/// What goes are candidates that were never merged, for each of them would have made a symbol that arises; the others
/// keep their order. By induction every merge that was made is made again, in the same order, and no other: the ids
/// correspond one to one.
///
/// For unigram models it is simpler: of all ways to cut the text the best one stays, and others go.
public protocol ReducibleTokenizer: Tokenizer {
  /// The ids that a reduction keeps whatever the text, but for those that are only reserved, ascending: those of bytes,
  /// signs, the unknown token, tokens that are kept whole and added ones, and what else the ids of other tokens depend
  /// on. Throws `value` where the kind of tokenizer cannot be reduced.
  func indispensableIDs() throws(TokenizationError) -> [Int32]

  /// The tokens that arise while the text of the token with `id` becomes that token, itself among them. `id` must be
  /// in the vocabulary.
  func derivation(of id: Int32) -> [Int32]

  /// The tokenizer with the tokens of a reduction alone. Throws what is wrong with its files.
  func reduced(by reduction: VocabularyReduction) throws(TokenizationError) -> any ReducibleTokenizer
}

/// Which tokens of a vocabulary are kept, and which ids they get: the old order, without gaps.
public struct VocabularyReduction: Sendable {
  /// The number of tokens before.
  public let originalSize: Int
  /// The old ids of the tokens that are kept, ascending: the new id of each is its place.
  public let keptIDs: [Int32]
  /// By old id the new one, -1 where there is none.
  private let newIDs: [Int32]

  /// Keeps what a text needs.
  /// - Parameters:
  ///   - tokenizer: whose vocabulary it is.
  ///   - usedIDs: the ids that occur in the text; all of them must be in the vocabulary. With each of them go all that
  ///     it is made of. Of the tokens that a vocabulary only reserves these alone are kept.
  /// - Throws: `value` where the tokenizer cannot be reduced.
  public init(
    of tokenizer: any ReducibleTokenizer, keeping usedIDs: some Sequence<Int32>
  ) throws(TokenizationError) {
    var isKept = [Bool](repeating: false, count: tokenizer.vocabularySize)
    for id in try tokenizer.indispensableIDs() where !tokenizer.spelling(of: id).isPlaceholder {
      isKept[Int(id)] = true
    }
    for used in usedIDs {
      for id in tokenizer.derivation(of: used) { isKept[Int(id)] = true }
    }
    self.init(isKept)
  }

  private init(_ isKept: [Bool]) {
    originalSize = isKept.count
    var (kept, new) = ([Int32](), [Int32](repeating: -1, count: isKept.count))
    for id in isKept.indices where isKept[id] {
      new[id] = Int32(kept.count)
      kept.append(Int32(id))
    }
    (keptIDs, newIDs) = (kept, new)
  }

  /// The new id of a token; nil where it is left out, or `id` is none.
  public func newID(of id: Int32) -> Int32? {
    guard newIDs.indices.contains(Int(id)), newIDs[Int(id)] >= 0 else { return nil }
    return newIDs[Int(id)]
  }

  /// The new id of a number in a file; nil as above.
  func newID(of number: Int) -> Int? {
    Int32(exactly: number).flatMap { newID(of: $0) }.map { Int($0) }
  }
}

extension Tokenizer {
  /// The tokenizer as one that can be reduced. Throws `value` where it is of another kind.
  public var reducible: any ReducibleTokenizer {
    get throws(TokenizationError) {
      if let tokenizer = self as? any ReducibleTokenizer { return tokenizer }
      throw .value(
        InvalidValue("tokenizer", expected: "BPE or unigram, which can be reduced", found: "another kind"))
    }
  }
}

extension String {
  /// Whether a token of this name stands for nothing: those that Gemma (6,242 of them) and Llama 3 reserve for others
  /// to use have a number in place of a meaning.
  fileprivate var isPlaceholder: Bool {
    wholeMatch(of: /<unused[0-9]+>|<\|reserved_special_token_[0-9]+\|>/) != nil
  }
}
