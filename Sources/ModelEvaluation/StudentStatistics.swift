/// A student beside its teacher; p is the teacher's distribution, q the student's, x the true token.
public struct StudentStatistics: Codable, Sendable, Equatable {
  /// How well the student predicts the text.
  public var perplexity: Perplexity
  /// ln(perplexity of the student / perplexity of the teacher), with the paired standard error
  /// √(var s + var t − 2 cov(s, t)), which is that of the mean of ln p(x) − ln q(x).
  public var logPerplexityRatio: Estimate
  /// The ratio of the perplexities, with the same standard error carried over to it.
  public var perplexityRatio: Estimate
  /// KL(p‖q) = Σ p (ln p − ln q), in nats.
  public var klDivergence: Estimate
  /// How KL(p‖q) is spread over the tokens.
  public var klDivergencePercentiles: Percentiles
  /// Δp = q(x) − p(x): above 0 where the student gives the true token more.
  public var probabilityDifference: Estimate
  /// √E[Δp²], with the standard error of E[Δp²] carried over to it.
  public var probabilityDifferenceRMS: Estimate
  /// How Δp is spread over the tokens.
  public var probabilityDifferencePercentiles: Percentiles
  /// The share of tokens for which p and q have the same most probable token; its standard error is
  /// √(share (1 − share)/(n − 1)).
  public var sameTopToken: Estimate
  /// Σ min(p, q) = 1 − TV(p, q): the share of the student's draws that speculative sampling accepts (Leviathan et al.
  /// 2023).
  public var speculativeAcceptance: Estimate
  /// The share of the gap between a control and the teacher that the student closes, in nats per token, where the
  /// comparison has a control and the control is surely worse than the teacher; see `Estimate.gapClosed`.
  public var gapClosed: Estimate?

  private enum CodingKeys: String, CodingKey {
    case perplexity
    case logPerplexityRatio = "log_perplexity_ratio"
    case perplexityRatio = "perplexity_ratio"
    case klDivergence = "kl_divergence"
    case klDivergencePercentiles = "kl_divergence_percentiles"
    case probabilityDifference = "probability_difference"
    case probabilityDifferenceRMS = "probability_difference_rms"
    case probabilityDifferencePercentiles = "probability_difference_percentiles"
    case sameTopToken = "same_top_token"
    case speculativeAcceptance = "speculative_acceptance"
    case gapClosed = "gap_closed"
  }

  init(_ scores: PairedScores, control: PairedScores?, text: EvaluationText) {
    perplexity = Perplexity(nats: scores.studentNats, text: text, seconds: nil)
    logPerplexityRatio = Estimate(of: zip(scores.studentNats, scores.teacherNats).map { $0 - $1 })
    perplexityRatio = logPerplexityRatio.exponential
    klDivergence = Estimate(of: scores.divergences)
    klDivergencePercentiles = Percentiles(of: scores.divergences)
    probabilityDifference = Estimate(of: scores.probabilityDifferences)
    probabilityDifferenceRMS = Estimate(of: scores.probabilityDifferences.map { $0 * $0 }).squareRoot
    probabilityDifferencePercentiles = Percentiles(of: scores.probabilityDifferences)
    sameTopToken = Estimate(of: zip(scores.teacherTops, scores.studentTops).map { $0 == $1 ? 1 : 0 })
    speculativeAcceptance = Estimate(of: scores.overlaps)
    gapClosed = control.flatMap {
      .gapClosed(teacher: scores.teacherNats, control: $0.studentNats, student: scores.studentNats)
    }
  }
}
