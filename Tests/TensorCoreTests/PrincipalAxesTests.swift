import TensorCore
import TestSupport
import Testing

@Suite struct PrincipalAxesTests {
  /// Symmetric, of the given size.
  private func matrix(_ size: Int) -> [[Double]] {
    var generator = SeededGenerator(seed: 3)
    var rows = [[Double]](repeating: [Double](repeating: 0, count: size), count: size)
    for row in 0..<size {
      for column in 0...row {
        rows[row][column] = generator.nextNormal()
        rows[column][row] = rows[row][column]
      }
    }
    return rows
  }

  @Test(arguments: [(1, 1), (7, 7), (40, 5), (40, 40)]) func theyAreEigenvectors(size: Int, count: Int) throws {
    let rows = matrix(size)
    let axes = try PrincipalAxes(of: rows.flatMap { $0 }, count: count)
    #expect(axes.values.count == count && axes.vectors.count == count)
    #expect(axes.values == axes.values.sorted(by: >))
    for (place, vector) in axes.vectors.enumerated() {
      for row in 0..<size {
        #expect(abs(product(rows[row], vector) - axes.values[place] * vector[row]) < 1e-10)
      }
      for (other, otherVector) in axes.vectors.enumerated() {
        #expect(abs(product(vector, otherVector) - (other == place ? 1 : 0)) < 1e-10)
      }
    }
    // of all eigenvalues the sum is the trace
    if count == size {
      let trace = (0..<size).reduce(0) { $0 + rows[$1][$1] }
      #expect(abs(axes.values.reduce(0, +) - trace) < 1e-9)
    }
  }

  private func product(_ left: [Double], _ right: [Double]) -> Double {
    zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
  }

  @Test func theLargestComeFirst() throws {
    let axes = try PrincipalAxes(of: [1, 0, 0, 0, 5, 0, 0, 0, -9], count: 2)
    #expect(axes.values == [5, 1])
    #expect(axes.vectors.map { $0.map(abs) } == [[0, 1, 0], [1, 0, 0]])
  }

  @Test(arguments: [Double.nan, .infinity]) func whatIsNotFiniteHasNone(element: Double) {
    let error = #expect(throws: MatrixBackendError.self) { try PrincipalAxes(of: [1, element, element, 1], count: 1) }
    #expect(error?.description == "products of states: expected finite numbers, found \(element)")
  }

  @Test func productsOfMatrices() {
    let device = Device(threads: 2)
    let left = Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3], on: device)
    let right = Tensor([1, 0, 2, 1, 0, 3], shape: [3, 2], on: device)
    #expect(left.times(right).array() == [5, 11, 14, 23])
    let tall = Tensor([1, 2, 3, 4], shape: [2, 2], on: device)
    #expect(tall.transposedTimes(left).array() == [13, 17, 21, 18, 24, 30])
  }
}
