import Foundation
import TensorCore
import TestSupport
import Testing

/// Distances and relations of hidden states against their definitions in Double, and backward from several tensors.
@Suite struct HiddenDistanceTests {
  private func values(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(generator.nextNormal()) }
  }

  private func tensor(_ shape: [Int], seed: UInt64, on device: Device) -> Tensor {
    Tensor(values(shape.reduce(1, *), seed: seed), shape: shape, on: device)
  }

  private func definition(
    _ distance: HiddenStateDistance, _ student: [Double], _ teacher: [Double], rows: [Int32], channels: Int
  ) -> Double {
    rows.reduce(0) { sum, row in
      let range = Int(row) * channels..<(Int(row) + 1) * channels
      let pairs = zip(student[range], teacher[range])
      switch distance {
      case .cosine:
        let (s, t) = (student[range].reduce(0) { $0 + $1 * $1 }, teacher[range].reduce(0) { $0 + $1 * $1 })
        return sum + 1 - pairs.reduce(0) { $0 + $1.0 * $1.1 } / (s * t).squareRoot()
      case .meanSquare:
        return sum + pairs.reduce(0) { $0 + pow($1.0 - $1.1, 2) } / Double(channels)
      }
    }
  }

  @Test(arguments: [HiddenStateDistance.cosine, .meanSquare], [1, 5, 64, 130])
  func distancesEqualTheirDefinition(_ distance: HiddenStateDistance, _ channels: Int) {
    let device = Device(threads: 2)
    let rows: [Int32] = [0, 2, 3, 6]
    let (student, teacher) = (
      tensor([7, channels], seed: 1, on: device), tensor([7, channels], seed: 2, on: device)
    )
    let (sum, gradient) = student.distance(distance, from: teacher, rows: rows, scale: 0.25)
    let target = teacher.array().map(Double.init)
    let whole = student.array().map(Double.init)
    let expected = definition(distance, whole, target, rows: rows, channels: channels)
    #expect(abs(sum - expected) < 1e-6 * max(1, expected))
    let differences = finiteDifferences(whole) {
      0.25 * definition(distance, $0, target, rows: rows, channels: channels)
    }
    // a cosine of one channel is a sign, without a derivative
    if distance == .cosine, channels == 1 {
      #expect(gradient.array().allSatisfy { abs($0) < 1e-5 })
    } else {
      #expect(relativeError(gradient.array(), differences) < 2e-6)
    }
    #expect(gradient.array()[channels..<2 * channels].allSatisfy { $0 == 0 })
  }

  @Test func statesOfZerosHaveAFiniteCosine() {
    let device = Device(threads: 1)
    let zeros = Tensor.zeros([1, 4], on: device)
    let (sum, gradient) = zeros.distance(.cosine, from: zeros, rows: [0], scale: 1)
    #expect(sum == 1 && gradient.array().allSatisfy { $0 == 0 })
  }

  /// Σ KL of the relations of one sequence after another, in Double.
  private func relations(
    _ student: [Double], _ teacher: [Double], widths: (Int, Int), heads: Int, lengths: [Int], counted: Set<Int>
  ) -> Double {
    func logRelations(_ x: [Double], _ width: Int, head: Int, row: Int) -> [Double] {
      let starts = lengths.indices.map { lengths[..<$0].reduce(0, +) }
      let (size, first) = (width / heads, starts.last { $0 <= row } ?? 0)
      func vector(_ index: Int) -> ArraySlice<Double> {
        x[index * width + head * size..<index * width + (head + 1) * size]
      }
      return DoubleReference.logSoftmax(
        (first...row).map { other in
          zip(vector(row), vector(other)).reduce(0) { $0 + $1.0 * $1.1 } / Double(size).squareRoot()
        })
    }
    var total = 0.0
    for row in counted {
      for head in 0..<heads {
        let p = logRelations(teacher, widths.1, head: head, row: row)
        let q = logRelations(student, widths.0, head: head, row: row)
        total += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) } / Double(heads)
      }
    }
    return total
  }

  @Test(arguments: [1, 2, 3], MatrixBackendKind.available)
  func relationsEqualTheirDefinition(_ heads: Int, kind: MatrixBackendKind) throws {
    let device = try Device(threads: 2, backend: kind)
    let (student, teacher) = (tensor([10, 6], seed: 3, on: device), tensor([10, 12], seed: 4, on: device))
    let rows: [Int32] = [0, 1, 4, 7, 8]
    let (sum, gradient) = student.relationDivergence(
      from: teacher, heads: heads, lengths: [3, 6, 1], rows: rows, scale: 0.5)
    let target = teacher.array().map(Double.init)
    func definition(_ x: [Double]) -> Double {
      relations(x, target, widths: (6, 12), heads: heads, lengths: [3, 6, 1], counted: Set(rows.map(Int.init)))
    }
    let whole = student.array().map(Double.init)
    #expect(abs(sum / definition(whole) - 1) < 2e-6)
    #expect(relativeError(gradient.array(), finiteDifferences(whole) { 0.5 * definition($0) }) < 1e-5)
  }

  @Test func equalRelationsHaveNoDivergence() {
    let device = Device(threads: 2)
    let states = tensor([32, 8], seed: 5, on: device)
    let (sum, gradient) = states.relationDivergence(
      from: states, heads: 2, lengths: [16, 16], rows: (0..<32).map { Int32($0) }, scale: 1)
    #expect(abs(sum) < 1e-5 && gradient.array().allSatisfy { abs($0) < 1e-6 })
  }

  @Test(arguments: MatrixBackendKind.available) func anyNumberOfThreadsGivesTheSameBits(kind: MatrixBackendKind) throws
  {
    let runs = try [1, 2, 3].map { threads in
      let device = try Device(threads: threads, backend: kind)
      let (student, teacher) = (tensor([300, 24], seed: 6, on: device), tensor([300, 48], seed: 7, on: device))
      let rows = (0..<300).filter { $0 % 7 != 3 }.map { Int32($0) }
      let relation = student.relationDivergence(
        from: teacher, heads: 4, lengths: [100, 37, 163], rows: rows, scale: 1)
      let distance = student.distance(
        .cosine, from: tensor([300, 24], seed: 8, on: device), rows: rows, scale: 1)
      return [[Float(relation.sum), Float(distance.sum)], relation.gradient.array(), distance.gradient.array()]
    }
    #expect(runs.allSatisfy { $0 == runs[0] })
  }

  /// d (a·y + b·z) with z computed from y: the gradient of what is shared holds both, whichever is named first.
  @Test func backwardFromSeveralTensorsAddsUp() throws {
    let device = Device(threads: 2)
    let seeds = (tensor([4, 3], seed: 9, on: device), tensor([4, 5], seed: 10, on: device))
    func gradients(_ choose: (_ y: Tensor, _ z: Tensor) -> [(tensor: Tensor, gradient: Tensor)]) throws -> [Float] {
      let store = ParameterStore(on: device)
      let first = store.root.parameter("first", [3, 2], .normal(standardDeviation: 1), decays: true)
      let second = store.root.parameter("second", [5, 3], .normal(standardDeviation: 1), decays: true)
      var generator = SeededGenerator(seed: 11)
      store.initialize(using: &generator)
      let y = tensor([4, 2], seed: 12, on: device).linear(first.value)
      let backward = BackwardPass()
      for (tensor, gradient) in choose(y, y.linear(second.value)) { backward.add(gradient, to: tensor) }
      backward.run()
      return try #require(store.gradients).array()
    }
    let (ofY, ofZ) = (try gradients { y, _ in [(y, seeds.0)] }, try gradients { _, z in [(z, seeds.1)] })
    let both = try gradients { y, z in [(y, seeds.0), (z, seeds.1)] }
    #expect(relativeError(both, zip(ofY, ofZ).map { Double($0) + Double($1) }) < 1e-6)
    #expect(try gradients { y, z in [(z, seeds.1), (y, seeds.0)] } == both)
    let twice = try gradients { y, _ in [(y, seeds.0), (y, seeds.0)] }
    #expect(twice == ofY.map { 2 * $0 })
    // the seeds are left as they are
    #expect(seeds.0.array() == values(12, seed: 9))
  }
}
