/// One part of a way of sampling: it changes what the next token is drawn from.
///
/// A token is chosen in two stages. First every processor of the list gets the logits, in the order of the list; then,
/// unless the most probable token is taken anyway, each gets the weights that are left of them. A processor works in
/// one of the two stages and leaves the other as it is.
///
/// It must be a function of the row and the tokens so far alone. Speculative decoding applies the same processors to
/// the logits of the draft and to those of the model, and keeps the model's distribution as it is after them.
public protocol LogitsProcessor: Sendable {
  /// Whether the tokens so far matter to it; where they do to no processor, an empty history is handed over. Default
  /// true.
  var usesHistory: Bool { get }

  /// Changes the logits [V] of one row; −∞ leaves a token out. A row whose largest logit is NaN or infinite may be left
  /// as it is: the sampler refuses it.
  func processLogits(_ logits: inout MutableSpan<Float>, history: TokenHistory)

  /// Changes weights [V] in proportion to the probabilities, of which the largest has come in as 1 to the first
  /// processor; 0 leaves a token out. At least one must stay above 0.
  func processWeights(_ weights: inout MutableSpan<Float>, history: TokenHistory)
}

extension LogitsProcessor {
  public var usesHistory: Bool { true }
  public func processLogits(_ logits: inout MutableSpan<Float>, history: TokenHistory) {}
  public func processWeights(_ weights: inout MutableSpan<Float>, history: TokenHistory) {}
}

/// The tokens of a sequence so far, the prompt's included.
public struct TokenHistory: Sendable, Equatable {
  /// All of them, in their order.
  public private(set) var ids: [Int32]
  /// Each of them once.
  public private(set) var distinct: Set<Int32>

  /// The history of a sequence of tokens, each in 0..<V.
  public init(_ ids: [Int32] = []) {
    self.ids = ids
    distinct = Set(ids)
  }

  /// Adds the token that comes next.
  public mutating func append(_ id: Int32) {
    ids.append(id)
    distinct.insert(id)
  }
}
