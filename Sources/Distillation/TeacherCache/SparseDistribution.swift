import Foundation
import TensorCore

/// A teacher's distribution of one token, of which only some tokens' probabilities are known.
public struct SparseDistribution: Sendable {
  /// The tokens that are known, ascending.
  public let ids: [Int32]
  /// Their probabilities. With `rest` they sum to 1.
  public let probabilities: [Double]
  /// The probability of all other tokens together; 0 where they count as impossible.
  public let rest: Double
  /// Σ p log p: of the teacher's own distribution where it is known, else of this one.
  public let negativeEntropy: Double

  init(_ row: TeacherCacheRow) {
    switch row {
    case .largest(let ids, let codes, let rest):
      let logs = Self.logProbabilities(codes + (rest.map { [$0] } ?? []))
      let total = logs.reduce(0) { $0 + exp($1) }
      let all = logs.map { exp($0) / total }
      self.ids = ids
      probabilities = Array(all[..<ids.count])
      self.rest = rest == nil ? 0 : all[ids.count]
      negativeEntropy = zip(all, logs).reduce(0) { $1.0 > 0 ? $0 + $1.0 * ($1.1 - log(total)) : $0 }
    case .drawn(let ids, let counts, let entropy):
      let draws = Double(counts.reduce(0, +))
      self.ids = ids
      probabilities = counts.map { Double($0) / draws }
      rest = 0
      negativeEntropy = Self.logProbabilities([entropy])[0]
    case .dense:
      preconditionFailure("a row of all tokens is not sparse")
    }
  }

  private static func logProbabilities(_ codes: [UInt16]) -> [Double] {
    var row = [Float](repeating: 0, count: codes.count)
    var span = row.mutableSpan
    RowKernels.decode(codes.span, into: &span)
    return row.map(Double.init)
  }
}
