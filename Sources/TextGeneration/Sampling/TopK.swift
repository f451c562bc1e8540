import Diagnostics

/// Leaves only the k most probable tokens, and those that tie with the last of them (Fan et al. 2018).
///
/// It belongs before the temperature: division keeps the order, but rounding after it could make new ties.
public struct TopK: LogitsProcessor {
  /// k; 0 keeps all tokens.
  public let count: Int

  /// Throws `value` for a negative number.
  public init(_ count: Int) throws(GenerationError) {
    guard count >= 0 else {
      throw .value(InvalidValue("top-k", expected: "0 (all tokens), or a number of tokens", found: "\(count)"))
    }
    self.count = count
  }

  public var usesHistory: Bool { false }

  /// Sets every logit below the k-th largest to −∞.
  public func processLogits(_ logits: inout MutableSpan<Float>, history: TokenHistory) {
    guard count > 0 && count < logits.count else { return }
    // The largest threshold that at least k logits reach, found bit by bit: neither memory nor sorting is needed.
    var threshold: UInt32 = 0
    for bit in (0..<32).reversed() {
      let candidate = threshold | 1 << UInt32(bit)
      var reached = 0
      for id in 0..<logits.count where Self.order(logits[id]) >= candidate { reached += 1 }
      if reached >= count { threshold = candidate }
    }
    let smallest = Self.value(ofOrder: threshold)
    for id in 0..<logits.count where logits[id] < smallest { logits[id] = -.infinity }
  }

  /// A number that is ordered as the floats are.
  private static func order(_ x: Float) -> UInt32 {
    let bits = x.bitPattern
    return bits >> 31 == 0 ? bits | 1 << 31 : ~bits
  }

  private static func value(ofOrder order: UInt32) -> Float {
    Float(bitPattern: order >> 31 == 1 ? order & ~(1 << 31) : ~order)
  }
}
