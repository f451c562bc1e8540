import DurableFiles
import TensorCore
import TestSupport
import Testing

/// A head that is packed for bfloat16 once, as a mapped one is, or in every step, as a trained one must be.
@Suite struct PackedHeadTests {
  private static let (rows, channels, vocabulary) = (300, 19, 131)

  private func normal(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(generator.nextNormal()) }
  }

  private func logits(_ hidden: [Float], _ head: Tensor) -> [[Float]] {
    let rows = hidden.count / Self.channels
    let hidden = Tensor(hidden, shape: [rows, Self.channels], on: head.device)
    return VocabularyProjection(hidden: hidden, head: .dense(head), precision: .bfloat16)
      .mapLogits(rows: (0..<rows).map { Int32($0) }) { _, row, _, _ in row.indices.map { row[$0] } }
  }

  private func littleEndianBytes(_ value: Float) -> [UInt8] {
    withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
  }

  @Test(arguments: MatrixBackendKind.available) func aMappedHeadGivesTheLogitsOfACopy(kind: MatrixBackendKind) throws {
    let device = try Device(threads: 2, backend: kind)
    let count = Self.vocabulary * Self.channels
    let values = normal(count, seed: 1)
    let folder = try TemporaryFolder()
    let file = try MappedFile(contentsOf: folder.write(values.flatMap { littleEndianBytes($0) }, to: "head"))
    let mapped = Tensor(
      mapping: try file.elements(of: Float.self, at: 0, count: count), shape: [Self.vocabulary, Self.channels],
      on: device)
    let copy = Tensor(values, shape: mapped.shape, on: device)
    for seed: UInt64 in 2...4 {
      let hidden = normal(Self.rows * Self.channels, seed: seed)
      let expected = logits(hidden, copy)
      #expect(logits(hidden, mapped) == expected)
      // a single token, as when text is generated; rounded factors of few rows are summed in an order of their own
      guard [.avx512BFloat16, .reference].contains(kind) else { continue }
      #expect(logits(Array(hidden[..<Self.channels]), mapped)[...] == expected[..<1])
    }
  }

  @Test(arguments: MatrixBackendKind.available)
  func aTrainedHeadGivesTheLogitsOfItsPresentWeights(kind: MatrixBackendKind) throws {
    let store = ParameterStore(on: try Device(threads: 2, backend: kind))
    let head = store.root.parameter("head", [Self.vocabulary, Self.channels], .zeros, decays: false)
    let hidden = normal(Self.rows * Self.channels, seed: 1)
    for seed: UInt64 in 2...4 {
      let values = normal(Self.vocabulary * Self.channels, seed: seed)
      store.load { .dense(Tensor(values, shape: $0.shape, on: store.device)) }
      let copy = Tensor(values, shape: head.shape, on: store.device)
      #expect(logits(hidden, head.value) == logits(hidden, copy))
    }
  }
}
