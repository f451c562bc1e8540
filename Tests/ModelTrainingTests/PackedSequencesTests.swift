import ModelTraining
import TensorCore
import Testing

@Suite struct PackedSequencesTests {
  private func sequences(_ count: Int, length: Int, masked: Set<Int> = []) throws -> PackedSequences {
    let tokens = TokenArray((0..<Int32(count)).map { $0 + 100 }, counted: (0..<count).map { !masked.contains($0) })
    return try PackedSequences(tokens, sequenceLength: length, name: "text")
  }

  @Test func targetsFollowTheirInputs() throws {
    let sequences = try sequences(11, length: 3, masked: [0, 4, 6])
    #expect(sequences.count == 3)
    let batch = sequences.batch([2, 0])
    #expect(batch.ids == [106, 107, 108, 100, 101, 102])
    #expect(batch.targets == [107, 108, 109, 101, 102, 103])
    #expect(batch.batchSize == 2)
    #expect(batch.sequences == [2, 0])
    #expect(batch.length == 3)
    // the mask belongs to the target: 104 and 106 are masked, and the first and last inputs before them
    let masked = sequences.batch([1])
    #expect(masked.ids == [103, 104, 105])
    #expect(masked.targets == [-1, 105, -1])
    #expect(masked.countedRows == [1])
    #expect(masked.countedTokens == 1)
  }

  @Test func theLastTargetNeedsATokenMore() throws {
    #expect(try sequences(6, length: 3).count == 1)
    #expect(try sequences(7, length: 3).count == 2)
    #expect(try sequences(4, length: 3).count == 1)
  }

  @Test(arguments: [0, 1, 3])
  func aTextShorterThanOneWindowIsRefused(_ count: Int) throws {
    let error = #expect(throws: TrainingError.self) {
      try sequences(count, length: 3)
    }
    #expect(
      try #require(error).description
        == "text: tokens: expected at least 4, for a sequence length of 3, found \(count); "
        + "give more text or a smaller sequence length")
  }

  @Test func aLengthOfZeroIsRefused() {
    #expect(throws: TrainingError.self) { try sequences(5, length: 0) }
  }

  @Test func everyEpochHasEachSequenceOnce() {
    var order = SequenceOrder(count: 10, seed: 3)
    let epochs = (0..<4).map { epoch in (0..<10).map { order.index(at: epoch * 10 + $0) } }
    for epoch in epochs { #expect(epoch.sorted() == Array(0..<10)) }
    #expect(Set(epochs).count == 4)
  }

  @Test func theOrderDependsOnSeedAndPositionAlone() {
    var order = SequenceOrder(count: 50, seed: 3)
    let straight = (0..<150).map { order.index(at: $0) }
    for start in [149, 60, 3] {
      var other = SequenceOrder(count: 50, seed: 3)
      #expect((start..<150).map { other.index(at: $0) } == Array(straight[start...]))
    }
    var other = SequenceOrder(count: 50, seed: 4)
    #expect((0..<150).map { other.index(at: $0) } != straight)
  }

  /// Pinned, so that no later version continues a run in another order.
  @Test func theOrderStaysWhatItWas() {
    var order = SequenceOrder(count: 8, seed: 42)
    #expect((0..<16).map { order.index(at: $0) } == [0, 4, 2, 7, 3, 5, 1, 6, 4, 2, 0, 7, 6, 3, 1, 5])
  }

  @Test func everyPlaceIsEquallyLikely() {
    var counts = [Int](repeating: 0, count: 5)
    for seed in 0..<2000 {
      var order = SequenceOrder(count: 5, seed: UInt64(seed))
      counts[order.index(at: 0)] += 1
    }
    // 400 each; the standard deviation is 18
    #expect(counts.allSatisfy { abs($0 - 400) < 90 })
  }
}
