import Diagnostics
import TensorCore

/// Divides logits by a temperature: below 1 the distribution becomes sharper, above 1 flatter.
public struct Temperature: LogitsProcessor {
  /// The least one above 0: below it, 1/temperature leaves the range where float32 logits can be divided.
  public static let least = 1e-6

  /// What divides the logits.
  public let value: Double

  /// Throws `value` unless the temperature is finite and at least `least`.
  public init(_ value: Double) throws(GenerationError) {
    // computed with in float32
    guard value >= Self.least && Float(value).isFinite else {
      throw .value(
        InvalidValue(
          "temperature", expected: "0 (greedy), or a finite number of at least \(Self.least)", found: "\(value)"))
    }
    self.value = value
  }

  public var usesHistory: Bool { false }

  /// The distances to the largest logit are divided, which becomes 0: no quotient overflows.
  public func processLogits(_ logits: inout MutableSpan<Float>, history: TokenHistory) {
    let largest = RowKernels.maximum(logits.span)
    guard largest.isFinite else { return }
    RowKernels.logSoftmax(&logits, maximum: largest, temperature: Float(value), logSum: 0)
  }
}
