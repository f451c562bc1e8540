import TensorCore

/// A token that a draft proposes.
struct DraftedToken {
  let id: Int32
  /// What it was drawn from, q [V]; empty for a greedy choice.
  let probabilities: [Float]
}

/// The token that follows, and how it came about.
struct SettledToken {
  var id: Int32
  /// Whether it is the draft's.
  var isDrafted: Bool
  /// Σ min(p, q); 0 where there was no proposal.
  var overlap: Double
}

extension TokenSampler {
  /// Draws a token as a draft does.
  /// - Parameters:
  ///   - logits: the draft's logits [V]; overwritten.
  ///   - history: the tokens so far.
  ///   - generator: where the randomness comes from; untouched by a greedy choice.
  /// - Returns: the token, and what it was drawn from.
  /// - Throws: as `nextToken`.
  func draft(
    _ logits: inout MutableSpan<Float>, history: TokenHistory, using generator: inout SeededGenerator
  ) throws(GenerationError) -> DraftedToken {
    if isGreedy {
      return DraftedToken(id: try nextToken(&logits, history: history, using: &generator), probabilities: [])
    }
    try probabilities(&logits, history: history)
    var copy = [Float](repeating: 0, count: logits.count)
    var span = copy.mutableSpan
    RowKernels.copy(logits.span, into: &span)
    return DraftedToken(
      id: Self.draw(logits.span, total: RowKernels.sum(logits.span), using: &generator), probabilities: copy)
  }

  /// Settles on a token so that it has exactly the model's distribution p, whatever the draft's q is (Leviathan et al.
  /// 2023, Chen et al. 2023): a proposal x is accepted with probability min(1, p(x)/q(x)), and where it is not, a token
  /// is drawn from max(0, p − q), normalised. Both p and q are what the processors leave.
  /// - Parameters:
  ///   - logits: the model's logits [V]; overwritten.
  ///   - proposal: the draft's token; without one, a token is drawn from p.
  ///   - history: the tokens before this one.
  ///   - generator: where the randomness comes from; untouched by a greedy choice.
  /// - Returns: the token, and whether it is the proposed one.
  /// - Throws: as `nextToken`.
  func settle(
    _ logits: inout MutableSpan<Float>, _ proposal: DraftedToken?, history: TokenHistory,
    using generator: inout SeededGenerator
  ) throws(GenerationError) -> SettledToken {
    guard let proposal, !isGreedy else {
      let id = try nextToken(&logits, history: history, using: &generator)
      let isDrafted = id == proposal?.id
      return SettledToken(id: id, isDrafted: isDrafted, overlap: isDrafted ? 1 : 0)
    }
    try probabilities(&logits, history: history)
    let place = Int(proposal.id)
    let isAccepted = generator.nextUniform() * Double(proposal.probabilities[place]) < Double(logits[place])
    let excess = RowKernels.subtractClipped(&logits, proposal.probabilities.span)
    // Without an excess both are the same but for rounding, and nothing is left to draw from.
    guard !isAccepted, excess > 0 else {
      return SettledToken(id: proposal.id, isDrafted: true, overlap: 1 - excess)
    }
    return SettledToken(
      id: Self.draw(logits.span, total: excess, using: &generator), isDrafted: false, overlap: 1 - excess)
  }
}
