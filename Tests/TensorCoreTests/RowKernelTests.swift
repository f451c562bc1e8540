import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct RowKernelTests {
  static let lengths = [1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1_000, 1_023, 1_024, 1_025, 5_000]

  private func row(_ count: Int, seed: UInt64, scale: Double = 3) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(scale * generator.nextNormal()) }
  }

  @Test(arguments: lengths) func reductions(_ count: Int) {
    let x = row(count, seed: UInt64(count))
    #expect(RowKernels.maximum(x.span) == x.max())
    #expect(RowKernels.argmax(x.span) == x.firstIndex(of: x.max() ?? 0))
    let exact = x.reduce(0) { $0 + Double($1) }
    #expect(abs(RowKernels.sum(x.span) - exact) < 1e-6 * x.reduce(1) { $0 + Double(abs($1)) })
  }

  @Test(arguments: lengths) func maximumOfARowWithNaNIsNaN(_ count: Int) {
    for place in Set([0, count / 2, count - 1]) {
      var x = row(count, seed: 1)
      x[place] = .nan
      #expect(RowKernels.maximum(x.span).isNaN, "NaN at \(place) of \(count)")
    }
  }

  @Test(arguments: lengths, [Float(0.05), 1, 2]) func logSoftmax(_ count: Int, _ temperature: Float) {
    let x = row(count, seed: UInt64(count) + 1, scale: 10)
    let expected = DoubleReference.logSoftmax(x.map(Double.init), temperature: Double(temperature))
    var y = x
    var span = y.mutableSpan
    let maximum = RowKernels.maximum(span.span)
    let logSum = RowKernels.logSum(span.span, maximum: maximum, temperature: temperature)
    RowKernels.logSoftmax(&span, maximum: maximum, temperature: temperature, logSum: logSum)
    #expect(relativeError(y, expected) < 1e-6)
  }

  @Test(arguments: lengths) func clippedDifferences(_ count: Int) {
    let (p, q) = (row(count, seed: UInt64(count)), row(count, seed: UInt64(count) + 1))
    let expected = zip(p, q).map { max(0, Double($0) - Double($1)) }
    var found = p
    var span = found.mutableSpan
    let sum = RowKernels.subtractClipped(&span, q.span)
    #expect(relativeError(found, expected) < 1e-6)
    #expect(found.allSatisfy { $0 >= 0 })
    #expect(abs(sum - expected.reduce(0, +)) < 1e-6 * expected.reduce(1, +))
  }

  @Test func exponentialIsWithinOneAndAHalfUlp() {
    var worst = 0.0
    var x = stride(from: Float(-87.2), to: 88, by: 0.000_37).map { $0 }
    let inputs = x
    var span = x.mutableSpan
    RowKernels.exponentiate(&span)
    for (value, input) in zip(x, inputs) {
      let exact = exp(Double(input))
      worst = max(worst, abs(Double(value) - exact) / Double(Float(exact).ulp))
    }
    #expect(worst < 1.5, "\(worst) ulp")
  }

  @Test func exponentialOfExtremes() {
    var x: [Float] = [-.infinity, -1e30, -200, -88, 0, .nan]
    var span = x.mutableSpan
    RowKernels.exponentiate(&span)
    #expect(x[0..<4].allSatisfy { $0 == 0 })
    #expect(x[4] == 1)
    #expect(x[5].isNaN)
  }
}
