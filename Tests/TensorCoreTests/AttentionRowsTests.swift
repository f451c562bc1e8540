import Foundation
import Testing

@testable import TensorCore

/// Attention's scores become weights, and their gradients, in place: those of Double, for rows of every length around
/// that of vectors and of the pieces that sums are taken over.
@Suite struct AttentionRowsTests {
  /// `block` rows, of which the first sees `visible` keys.
  struct Block: Sendable {
    let block: Int
    let visible: Int
    var width: Int { visible + block - 1 }
    var line: Int { KeyValueFactors.line(width) }
    var count: Int { block * line }
  }

  static let blocks = [(1, 1), (2, 15), (3, 31), (32, 1), (32, 33), (5, 64), (7, 990), (3, 1_023), (4, 2_047)].map {
    Block(block: $0, visible: $1)
  }
  static let scale: Float = 0.21

  /// A precision, and the backend whose form of the rows it is.
  struct Form: Sendable {
    let precision: ProductPrecision
    let kind: MatrixBackendKind
    /// Whether rows become bfloat16s, from where their floats began.
    func isNarrow(_ device: Device) -> Bool { precision == .bfloat16 && device.backend.packsBFloat16 }
  }

  static let forms = MatrixBackendKind.available.flatMap { kind in
    ProductPrecision.allCases.map { Form(precision: $0, kind: kind) }
  }

  private func factors(
    _ precision: ProductPrecision, for keys: Int, on device: Device
  ) -> (KeyValueFactors, memory: [Tensor]) {
    let rows = Tensor.zeros([keys, 8], on: device)
    let memory = Tensor.zeros(
      [KeyValueFactors.memoryCount(keys: keys, headSize: 8, precision: precision, backend: device.backend)], on: device)
    let factors = KeyValueFactors(
      keys: rows.pointer, values: rows.pointer, stride: 8, count: keys, headSize: 8, precision: precision,
      backend: device.backend, memory: memory.pointer)
    return (factors, [rows, memory])
  }

  /// Scores of both signs; what no row sees is not a number, so that reading it shows.
  private func scores(_ block: Block, seed: UInt64, on device: Device) -> Tensor {
    var generator = SeededGenerator(seed: seed)
    let tensor = Tensor(uninitialized: [block.block, block.line], on: device)
    tensor.withMutableSpan { span in
      for i in span.indices {
        span[i] = i % block.line < block.visible + i / block.line ? Float(20 * generator.nextNormal()) : .nan
      }
    }
    return tensor
  }

  /// What products read of a row: floats, or bfloat16s from where these began.
  private func row(_ row: Int, of tensor: Tensor, _ block: Block, isNarrow: Bool) -> [Float] {
    let start = tensor.pointer + row * block.line
    guard isNarrow else { return Array(UnsafeBufferPointer(start: start, count: block.width)) }
    let halves = UnsafeRawPointer(start).bindMemory(to: UInt16.self, capacity: block.width)
    return (0..<block.width).map { Float(bitPattern: UInt32(halves[$0]) << 16) }
  }

  /// Half a unit in the last of 8 significant bits, and what exponentials and float32 sums lose.
  private func allowed(isNarrow: Bool) -> Double { isNarrow ? 0x1p-8 + 1e-5 : 1e-5 }

  @Test(arguments: blocks, forms)
  func weightsAreExponentialsRelativeToTheMaximum(block: Block, form: Form) throws {
    let device = try Device(threads: 1, backend: form.kind)
    let isNarrow = form.isNarrow(device)
    let (factors, memory) = factors(form.precision, for: block.width, on: device)
    let scores = scores(block, seed: 1, on: device)
    let before = scores.array()
    var maxima = [Float](repeating: 0, count: block.block)
    var sums = [Double](repeating: 0, count: block.block)
    factors.makeWeights(
      scores.pointer, line: block.line, block: block.block, visible: block.visible, scale: Self.scale,
      maxima: &maxima, sums: &sums)
    for index in 0..<block.block {
      let seen = before[index * block.line..<index * block.line + block.visible + index]
      let maximum = seen.max() ?? .nan
      let expected = seen.map { exp(Double(Self.scale) * (Double($0) - Double(maximum))) }
      #expect(maxima[index] == maximum)
      #expect(abs(sums[index] / expected.reduce(0, +) - 1) < 2e-6)
      let found = row(index, of: scores, block, isNarrow: isNarrow)
      for (weight, wanted) in zip(found, expected) {
        #expect(abs(Double(weight) - wanted) <= allowed(isNarrow: isNarrow) * wanted)
      }
      #expect(found[seen.count...].allSatisfy { $0 == 0 })
    }
    withExtendedLifetime(memory) {}
  }

  @Test(arguments: blocks, forms)
  func gradientsAreThoseOfTheSoftmax(block: Block, form: Form) throws {
    let device = try Device(threads: 1, backend: form.kind)
    let isNarrow = form.isNarrow(device)
    let (factors, memory) = factors(form.precision, for: block.width, on: device)
    let (scores, gradients) = (scores(block, seed: 2, on: device), scores(block, seed: 3, on: device))
    let (before, gradientsBefore) = (scores.array(), gradients.array())
    let deltas = (0..<3 * block.block).map { Float($0) / 8 }
    let logSums = (0..<block.block).map { index -> Float in
      let seen = before[index * block.line..<index * block.line + block.visible + index]
      return Float(log(seen.reduce(0.0) { $0 + exp(Double(Self.scale) * Double($1)) }))
    }
    factors.makeGradients(
      scores.pointer, gradients.pointer, line: block.line, block: block.block, visible: block.visible,
      scale: Self.scale, logSums: logSums, deltas: deltas, deltaStride: 3)
    for index in 0..<block.block {
      let probabilities = row(index, of: scores, block, isNarrow: isNarrow)
      let found = row(index, of: gradients, block, isNarrow: isNarrow)
      for column in 0..<block.width {
        guard column < block.visible + index else {
          #expect(probabilities[column] == 0 && found[column] == 0)
          continue
        }
        let place = index * block.line + column
        let probability = exp(Double(Self.scale) * Double(before[place]) - Double(logSums[index]))
        let gradient =
          probability * (Double(gradientsBefore[place]) - Double(deltas[3 * index])) * Double(Self.scale)
        #expect(abs(Double(probabilities[column]) - probability) <= allowed(isNarrow: isNarrow) * probability)
        #expect(
          abs(Double(found[column]) - gradient) <= allowed(isNarrow: isNarrow) * abs(gradient) + 1e-6 * probability)
      }
    }
    withExtendedLifetime(memory) {}
  }

  @Test(arguments: forms)
  func whatIsImpossibleHasNoWeightAndWhatIsNoNumberShows(form: Form) throws {
    let device = try Device(threads: 1, backend: form.kind)
    let isNarrow = form.isNarrow(device)
    let block = Block(block: 2, visible: 40)
    let (factors, memory) = factors(form.precision, for: block.width, on: device)
    let scores = scores(block, seed: 4, on: device)
    // 1,000 standard deviations below the others, and less
    scores.pointer[3] = -20_000
    scores.pointer[39] = -.infinity
    scores.pointer[block.line + 33] = .nan
    var maxima = [Float](repeating: 0, count: 2)
    var sums = [Double](repeating: 0, count: 2)
    factors.makeWeights(
      scores.pointer, line: block.line, block: 2, visible: block.visible, scale: Self.scale, maxima: &maxima,
      sums: &sums)
    let first = row(0, of: scores, block, isNarrow: isNarrow)
    #expect(first[3] == 0 && first[39] == 0 && sums[0].isFinite && sums[0] >= 1)
    #expect(sums[1].isNaN)
    withExtendedLifetime(memory) {}
  }
}
