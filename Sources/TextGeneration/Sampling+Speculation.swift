import TensorCore

/// A token that a draft proposes.
struct DraftedToken {
  let id: Int32
  /// What it was drawn from, q [V]; empty at temperature 0.
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

extension Sampling {
  /// Draws a token as a draft does.
  /// - Parameters:
  ///   - logits: the draft's logits [V]; overwritten.
  ///   - seen: the tokens so far, for the repetition penalty.
  ///   - generator: where the randomness comes from; untouched at temperature 0.
  /// - Returns: the token, and what it was drawn from.
  /// - Throws: as `nextToken`.
  func draft(
    _ logits: inout MutableSpan<Float>, seen: Set<Int32>, using generator: inout SeededGenerator
  ) throws(GenerationError) -> DraftedToken {
    if temperature == 0 {
      return DraftedToken(id: try nextToken(&logits, seen: seen, using: &generator), probabilities: [])
    }
    try probabilities(&logits, seen: seen)
    var copy = [Float](repeating: 0, count: logits.count)
    var span = copy.mutableSpan
    RowKernels.copy(logits.span, into: &span)
    return DraftedToken(
      id: Self.draw(logits.span, total: RowKernels.sum(logits.span), using: &generator), probabilities: copy)
  }

  /// Settles on a token so that it has exactly the model's distribution p, whatever the draft's q is (Leviathan et al.
  /// 2023, Chen et al. 2023): a proposal x is accepted with probability min(1, p(x)/q(x)), and where it is not, a token is
  /// drawn from max(0, p − q), normalised. Both p and q are what temperature, filters and penalty leave.
  /// - Parameters:
  ///   - logits: the model's logits [V]; overwritten.
  ///   - proposal: the draft's token; without one, a token is drawn from p.
  ///   - seen: the tokens before this one, for the repetition penalty.
  ///   - generator: where the randomness comes from; untouched at temperature 0.
  /// - Returns: the token, and whether it is the proposed one.
  /// - Throws: as `nextToken`.
  func settle(
    _ logits: inout MutableSpan<Float>, _ proposal: DraftedToken?, seen: Set<Int32>,
    using generator: inout SeededGenerator
  ) throws(GenerationError) -> SettledToken {
    guard let proposal, temperature != 0 else {
      let id = try nextToken(&logits, seen: seen, using: &generator)
      let isDrafted = id == proposal?.id
      return SettledToken(id: id, isDrafted: isDrafted, overlap: isDrafted ? 1 : 0)
    }
    try probabilities(&logits, seen: seen)
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
