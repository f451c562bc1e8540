import TensorCore

/// How many tokens a draft proposes before the model looks at them.
public enum DraftLength: Sendable, Equatable {
  /// Always so many, at least 1.
  case fixed(Int)
  /// As many as promise the most tokens for the time, from 1 to 11, by what was accepted of the sequence so far. It
  /// looks at no clock: the same seed gives the same text.
  case adaptive

  /// The most tokens that a draft proposes at a time.
  var longest: Int {
    switch self {
    case .fixed(let count): count
    // with one row more, a pass still multiplies few rows
    case .adaptive: Device.uniformRows - 1
    }
  }

  /// How far back the caches of a decoder and its draft must be truncated: by all of a proposal, or a few tokens of a
  /// text whose end is taken back.
  var rewind: Int { max(longest, KeyValueCache.usualRewind) }
}

/// What the next number of drafted tokens of one sequence is chosen by.
struct DraftLengthChoice {
  /// What one more row adds to a pass, as a share of a pass of one row, which reads all weights as well: between a
  /// fiftieth for 110 M parameters and a tenth for 15 M.
  private static let rowCost = 0.05
  private let length: DraftLength
  /// c: what a token costs the draft, as a share of what a pass of one row costs the model.
  private let cost: Double
  /// Σ min(p, q) at the positions so far, and their number; to begin with, those of a draft that is accepted at two of
  /// three.
  private var overlaps = (sum: 2.0, count: 3.0)

  init(_ length: DraftLength, cost: Double) {
    self.length = length
    self.cost = cost
  }

  /// Takes in the overlap of both distributions at one position.
  mutating func observe(_ overlap: Double) {
    overlaps.sum += overlap
    overlaps.count += 1
  }

  /// The number of tokens to draft. With acceptance a, k drafted tokens give (1 − a^(k+1))/(1 − a) tokens in the time
  /// of 1 + (c + r)·k passes, r what a row costs: theorem 3.8 of Leviathan et al. 2023, where rows cost nothing.
  var next: Int {
    guard case .fixed(let count) = length else {
      let acceptance = overlaps.sum / overlaps.count
      var (best, bestSpeed) = (1, 0.0)
      var (tokens, power) = (1.0, 1.0)
      for count in 1...length.longest {
        power *= acceptance
        tokens += power
        let speed = tokens / (1 + (cost + Self.rowCost) * Double(count))
        if speed > bestSpeed { (best, bestSpeed) = (count, speed) }
      }
      return best
    }
    return count
  }
}
