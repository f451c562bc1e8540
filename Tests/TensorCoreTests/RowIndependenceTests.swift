import Testing

@testable import TensorCore

@Suite("Few rows of products") struct RowIndependenceTests {
  private let fewRows = Device.uniformRows

  private func matrix(_ rows: Int, _ columns: Int, seed: UInt64, on device: Device) -> Tensor {
    var generator = SeededGenerator(seed: seed)
    return Tensor((0..<rows * columns).map { _ in Float(generator.nextNormal()) }, shape: [rows, columns], on: device)
  }

  @Test(
    "A row of a product has the same bits alone and among others", arguments: [(24, 40), (96, 16), (1100, 16)],
    MatrixBackendKind.available)
  func linear(shape: (inputs: Int, outputs: Int), kind: MatrixBackendKind) throws {
    let (inputs, outputs) = shape
    let device = try Device(backend: kind)
    let weight = matrix(outputs, inputs, seed: 1, on: device)
    let x = matrix(fewRows, inputs, seed: 2, on: device)
    let whole = x.linear(weight).array()
    for rows in 1..<fewRows {
      let part = x.gatheringRows((0..<rows).map { Int32($0) }).linear(weight).array()
      #expect(part[...] == whole[..<(rows * outputs)], "\(rows) rows")
    }
  }

  @Test(
    "Where a backend says so, a row has the same bits among more than 48 rows, however many",
    arguments: [(24, 40), (96, 16), (1100, 16)], MatrixBackendKind.available)
  func many(shape: (inputs: Int, outputs: Int), kind: MatrixBackendKind) throws {
    let (inputs, outputs) = shape
    let device = try Device(threads: 1, backend: kind)
    guard device.rowsAreIndependent else {
      #expect(kind == .openblas)
      return
    }
    // on a worker's device products are not cut, as they are not where sequences are shared out
    let worker = device.workerDevices[0]
    let weight = matrix(outputs, inputs, seed: 1, on: worker)
    let x = matrix(300, inputs, seed: 2, on: worker)
    let whole = x.linear(weight).array()
    for rows in [49, 64, 257] {
      let part = x.gatheringRows((0..<rows).map { Int32($0) }).linear(weight).array()
      // apart, for what is expected is printed element by element
      let isEqual = part[...] == whole[..<(rows * outputs)]
      #expect(isEqual, "\(rows) rows")
    }
  }

  @Test("A row of logits has the same bits alone and among others", arguments: MatrixBackendKind.available)
  func logits(kind: MatrixBackendKind) throws {
    let device = try Device(backend: kind)
    let head = matrix(520, 24, seed: 1, on: device)
    let hidden = matrix(fewRows, 24, seed: 2, on: device)
    func rows(_ count: Int) -> [[Float]] {
      VocabularyProjection(hidden: hidden, head: .dense(head)).mapLogits(rows: (0..<count).map { Int32($0) }) {
        _, row, _, _ in
        row.indices.map { row[$0] }
      }
    }
    let whole = rows(fewRows)
    for count in 1..<fewRows { #expect(rows(count)[...] == whole[..<count], "\(count) rows") }
  }
}
