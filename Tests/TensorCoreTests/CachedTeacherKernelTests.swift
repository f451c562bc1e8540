import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct CachedTeacherKernelTests {
  private static let lengths = [1, 2, 7, 63, 64, 65, 1_023, 1_025, 32_000]

  private func row(_ count: Int, seed: UInt64, spread: Double = 3) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(spread * generator.nextNormal()) }
  }

  @Test(arguments: lengths) func theLargestAreThoseOfASort(_ count: Int) {
    for (seed, isTied) in [(UInt64(1), false), (2, true)] {
      // few distinct values: most entries have equals, of which the first ones count
      let row = row(count, seed: seed).map { isTied ? $0.rounded() : $0 }
      for k in Set([1, 2, 64, count / 2, count]) where (1...count).contains(k) {
        let sorted = row.indices.sorted { row[$0] == row[$1] ? $0 < $1 : row[$0] > row[$1] }
        #expect(RowKernels.largest(k, of: row.span) == sorted[..<k].sorted().map(Int32.init))
      }
    }
  }

  @Test func minusInfinityIsTheSmallest() {
    let row: [Float] = [-.infinity, 1, -.infinity, 2, -.infinity]
    #expect(RowKernels.largest(3, of: row.span) == [0, 1, 3])
  }

  @Test(arguments: lengths) func drawsFollowTheRunningSum(_ count: Int) {
    var generator = SeededGenerator(seed: 3)
    // a third of the weights is 0: what has no weight is never drawn
    let weights = (0..<count).map { $0 > 0 && $0 % 3 == 0 ? Float(0) : Float(generator.nextUniform() + 0.01) }
    let total = weights.reduce(0) { $0 + Double($1) }
    let uniforms = ([0, 1 - 0x1p-53] + (0..<200).map { _ in generator.nextUniform() }).sorted()
    let drawn = RowKernels.draw(uniforms, from: weights.span)
    #expect(drawn == drawn.sorted())
    for (uniform, index) in zip(uniforms, drawn) {
      let below = weights[..<Int(index)].reduce(0) { $0 + Double($1) } / total
      let width = Double(weights[Int(index)]) / total
      #expect(width > 0)
      // groups are summed in float32
      #expect(uniform > below - 1e-6 && uniform < below + width + 1e-6, "\(uniform): \(below) + \(width)")
    }
  }

  @Test(arguments: lengths) func weightsAndTheirEntropy(_ count: Int) {
    var logits = row(count, seed: 4)
    if count > 2 { logits[1] = -.infinity }
    let exact = DoubleReference.logSoftmax(logits.map(Double.init), temperature: 0.7)
    let negativeEntropy = exact.reduce(0) { $1 == -.infinity ? $0 : $0 + exp($1) * $1 }
    let maximum = RowKernels.maximum(logits.span)
    var span = logits.mutableSpan
    let (sum, cross) = RowKernels.weigh(&span, maximum: maximum, temperature: 0.7)
    #expect(abs(cross / sum - log(sum) - negativeEntropy) < 1e-5 * (1 + abs(negativeEntropy)))
    for index in exact.indices { #expect(abs(Double(logits[index]) / sum - exp(exact[index])) < 1e-6) }
  }

  @Test func sixteenBitsAreNearEveryLogProbability() {
    let exact: [Float] =
      [0, 1e-5, 0.0003, 0.1, 1, 2.302585, 10.4, 15.9, 15.9999, 16, 16.001, 31.7, 64, 700, 12_345, 999_999].map { -$0 }
    let codes = RowKernels.codes(ofLogProbabilities: exact.span)
    #expect(codes == codes.sorted())
    var decoded = exact
    var span = decoded.mutableSpan
    RowKernels.decode(codes.span, into: &span)
    for (found, exact) in zip(decoded, exact) {
      let bound = exact > -16 ? 0x1p-12 : -exact * 0x1p-12
      #expect(abs(found - exact) <= bound * 1.0001, "\(found) for \(exact)")
    }
    var scaled = exact
    var scaledSpan = scaled.mutableSpan
    RowKernels.decode(codes.span, into: &scaledSpan, scale: 2)
    #expect(scaled == decoded.map { 2 * $0 })
  }

  @Test func noProbabilityAndMoreThanOneHaveCodes() {
    let codes = RowKernels.codes(ofLogProbabilities: ([-.infinity, 1e-6, -2e6] as [Float]).span)
    #expect(codes == [65_535, 0, 65_535])
    var decoded = [Float](repeating: 1, count: 3)
    var span = decoded.mutableSpan
    RowKernels.decode(codes.span, into: &span)
    #expect(decoded == [-.infinity, 0, -.infinity])
  }

  @Test(arguments: lengths, [Float(1), 2, 0.7]) func studentSoftmaxAndItsGradient(_ count: Int, _ temperature: Float) {
    var logits = row(count, seed: 5)
    if count > 2 { logits[2] = -.infinity }
    let maximum = RowKernels.maximum(logits.span)
    let soft = logits.map { exp(Double($0 - maximum) / Double(temperature)) }
    let hard = logits.map { exp(Double($0 - maximum)) }
    var exponentials = [Float](repeating: .nan, count: count)
    var scratch = exponentials.mutableSpan
    let sums = RowKernels.studentSoftmax(
      exponentials: &scratch, student: logits.span, maximum: maximum, temperature: temperature)
    #expect(abs(sums.soft / soft.reduce(0, +) - 1) < 1e-6)
    #expect(abs(sums.hard / hard.reduce(0, +) - 1) < 1e-6)
    for hardScale: Float in [0, 0.3] {
      var gradient = logits
      var span = gradient.mutableSpan
      RowKernels.studentSoftmaxGradient(
        student: &span, exponentials: exponentials.span, softScale: 0.6, hardScale: hardScale, maximum: maximum,
        temperature: temperature)
      let exact = zip(soft, hard).map { 0.6 * $0 + Double(hardScale) * $1 }
      #expect(relativeError(gradient, exact) < 1e-6)
    }
  }
}
