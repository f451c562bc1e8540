import Diagnostics
import TensorCore

/// Leaves only the nucleus: the most probable tokens, as few as have a mass of p together (Holtzman et al. 2020).
public struct TopP: LogitsProcessor {
  /// p; 1 keeps all tokens.
  public let mass: Double

  /// Throws `value` unless the mass is above 0 and at most 1.
  public init(_ mass: Double) throws(GenerationError) {
    guard mass > 0 && mass <= 1 else {
      throw .value(InvalidValue("top-p", expected: "a number above 0 and at most 1", found: "\(mass)"))
    }
    self.mass = mass
  }

  public var usesHistory: Bool { false }

  /// Sets every weight outside the nucleus to 0: those whose mass, together with that of all smaller ones, is at most
  /// 1 − p. Of equal weights the one with the smaller id counts as the larger.
  public func processWeights(_ weights: inout MutableSpan<Float>, history: TokenHistory) {
    guard mass < 1 else { return }
    let dispensable = (1 - mass) * RowKernels.sum(weights.span)
    // Weights below this bound are dispensable all together, so only the others need to be sorted.
    let bound = dispensable / Double(weights.count)
    var below = 0.0
    var candidates: [Int32] = []
    for id in 0..<weights.count {
      let weight = Double(weights[id])
      if weight < bound {
        below += weight
        weights[id] = 0
      } else {
        candidates.append(Int32(id))
      }
    }
    let sorted = candidates.map { (weight: weights[Int($0)], id: $0) }
      .sorted { $0.weight == $1.weight ? $0.id > $1.id : $0.weight < $1.weight }
    for (weight, id) in sorted.dropLast() {
      below += Double(weight)
      guard below <= dispensable else { return }
      weights[Int(id)] = 0
    }
  }
}
