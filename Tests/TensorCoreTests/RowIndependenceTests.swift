import Testing

@testable import TensorCore

@Suite("Few rows of products") struct RowIndependenceTests {
  private let fewRows = Device.uniformRows

  private func matrix(_ rows: Int, _ columns: Int, seed: UInt64) -> Tensor {
    var generator = SeededGenerator(seed: seed)
    return Tensor(
      (0..<rows * columns).map { _ in Float(generator.nextNormal()) }, shape: [rows, columns], on: .shared)
  }

  @Test("A row of a product has the same bits alone and among others", arguments: [(24, 40), (96, 16), (1100, 16)])
  func linear(inputs: Int, outputs: Int) {
    let weight = matrix(outputs, inputs, seed: 1)
    let x = matrix(fewRows, inputs, seed: 2)
    let whole = x.linear(weight).array()
    for rows in 1..<fewRows {
      let part = x.gatheringRows((0..<rows).map { Int32($0) }).linear(weight).array()
      #expect(part[...] == whole[..<(rows * outputs)], "\(rows) rows")
    }
  }

  @Test("A row of logits has the same bits alone and among others")
  func logits() {
    let head = matrix(520, 24, seed: 1)
    let hidden = matrix(fewRows, 24, seed: 2)
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
