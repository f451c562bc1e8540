/// What teacher and student say of each token of a text that counts, in the order of the text; p is the teacher's
/// distribution, q the student's, x the true token.
public struct PairedScores: Sendable, Equatable {
  /// −ln p(x), in nats.
  public private(set) var teacherNats: [Double]
  /// −ln q(x), in nats.
  public private(set) var studentNats: [Double]
  /// KL(p‖q) = Σ p (ln p − ln q), in nats.
  public private(set) var divergences: [Double]
  /// q(x) − p(x).
  public private(set) var probabilityDifferences: [Double]
  /// Where p is largest: the first of several tokens.
  public private(set) var teacherTops: [Int32]
  /// Where q is largest: the first of several tokens.
  public private(set) var studentTops: [Int32]
  /// Σ min(p, q).
  public private(set) var overlaps: [Double]

  init(count: Int) {
    let zeros = [Double](repeating: 0, count: count)
    (teacherNats, studentNats, divergences) = (zeros, zeros, zeros)
    (probabilityDifferences, overlaps) = (zeros, zeros)
    teacherTops = [Int32](repeating: 0, count: count)
    studentTops = teacherTops
  }

  mutating func set(_ score: PairedScore, at position: Int) {
    teacherNats[position] = score.teacherNats
    studentNats[position] = score.studentNats
    divergences[position] = score.divergence
    probabilityDifferences[position] = score.probabilityDifference
    teacherTops[position] = score.teacherTop
    studentTops[position] = score.studentTop
    overlaps[position] = score.overlap
  }
}
