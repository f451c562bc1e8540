import Foundation

/// A linear axis: which values it spans, and where its ticks are.
struct Axis {
  let range: ClosedRange<Double>
  /// Round values within the range, ascending.
  let ticks: [Double]

  /// An axis for values from `low` to `high`, with about `count` ticks at 1, 2 or 5 times a power of ten. One value
  /// alone stands in the middle of a small range.
  init(from low: Double, to high: Double, count: Int) {
    let spread = high > low ? high - low : max(abs(low) * 0.1, 1e-3)
    let (low, high) = high > low ? (low, high) : (low - spread / 2, low + spread / 2)
    let rough = spread / Double(max(1, count))
    let power = pow(10, log10(rough).rounded(.down))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? 10 * power
    range = low...high
    ticks = stride(from: (low / step).rounded(.up), through: (high / step).rounded(.down), by: 1).map { $0 * step }
  }

  /// Where a value lies: 0 at the beginning of the range, 1 at its end.
  func place(_ value: Double) -> Double { (value - range.lowerBound) / (range.upperBound - range.lowerBound) }
}
