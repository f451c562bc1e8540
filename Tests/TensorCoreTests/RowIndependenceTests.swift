import CKernels
import Testing

@testable import TensorCore

@Suite("Rows of products", .enabled(if: limbeck_has_product_f32() != 0))
struct RowIndependenceTests {
  private func matrix(_ rows: Int, _ columns: Int, seed: UInt64) -> Tensor {
    var generator = SeededGenerator(seed: seed)
    return Tensor(
      (0..<rows * columns).map { _ in Float(generator.nextNormal()) }, shape: [rows, columns], on: .shared)
  }

  @Test("A row of a product has the same bits however many other rows there are", arguments: [(24, 40), (96, 16)])
  func linear(inputs: Int, outputs: Int) {
    let weight = matrix(outputs, inputs, seed: 1)
    let x = matrix(300, inputs, seed: 2)
    let whole = x.linear(weight).array()
    for rows in Array(2...70) + [96, 97, 113, 129, 257, 289] {
      let part = x.gatheringRows((0..<rows).map { Int32($0) }).linear(weight).array()
      #expect(part[...] == whole[..<(rows * outputs)], "\(rows) rows")
    }
  }

  @Test("So has one of a longer sum, among few rows")
  func longSums() {
    let weight = matrix(16, 1100, seed: 1)
    let x = matrix(48, 1100, seed: 2)
    let whole = x.linear(weight).array()
    for rows in [2, 3, 16, 17, 33, 47] {
      let part = x.gatheringRows((0..<rows).map { Int32($0) }).linear(weight).array()
      #expect(part[...] == whole[..<(rows * 16)], "\(rows) rows")
    }
  }

  @Test("A row of logits has the same bits however many other rows there are")
  func logits() {
    let head = matrix(520, 24, seed: 1)
    let hidden = matrix(600, 24, seed: 2)
    func rows(_ count: Int) -> [[Float]] {
      VocabularyProjection(hidden: hidden, head: head).mapLogits(rows: (0..<count).map { Int32($0) }) { _, row, _, _ in
        row.indices.map { row[$0] }
      }
    }
    let whole = rows(600)
    for count in [2, 3, 17, 48, 255, 256] { #expect(rows(count)[...] == whole[..<count], "\(count) rows") }
  }
}
