import TensorCore
import Testing

@testable import ModelTraining

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

  @Test func aPlaceholderTakesNoMemory() throws {
    let (count, length) = (1 << 20, 1 << 20)
    let tokens = PlaceholderTokens(count: count * length + 1)
    let sequences = try PackedSequences(tokens, sequenceLength: length, name: "prompts")
    #expect(sequences.count == count && sequences.uncountedSequences == 0)
    try sequences.requireCountedTokens()
    #expect(tokens.ids(count * length - 1..<count * length + 1) == [0, 0])
  }

  /// 400 prompts of 50 tokens that do not count, and a million epochs: each offset is looked at once.
  @Test func manyEpochsAreCountedByTheirOffsets() throws {
    let ids = [Int32](repeating: 7, count: 400 * 60)
    let tokens = TokenArray(ids, counted: ids.indices.map { $0 % 60 >= 50 })
    let text = try PackedSequences(tokens, sequenceLength: 16, packing: SequencePacking(.shifted), name: "text")
    var order = SequenceOrder(of: text, seed: 5)
    let few = (0..<40).map { order.count(ofEpoch: $0) }
    #expect(Set(few).count > 1 && few.allSatisfy { $0 < text.count })
    let forty = order.count(inEpochs: 40)
    #expect(forty == few.reduce(0, +))
    let counted = order.count(inEpochs: 1_000_000)
    let all = try #require(counted)
    #expect(abs(Double(all) / 25_000 / Double(few.reduce(0, +)) - 1) < 0.05)
  }

  @Test func aLengthOfZeroIsRefused() {
    #expect(throws: TrainingError.self) { try sequences(5, length: 0) }
  }

  /// Documents of 1, some ids and 2; of the first, two ids count, of the second, none.
  private let documents: [Int32] = [1, 10, 11, 12, 2, 1, 13, 14, 15, 2, 1, 16, 17]

  private func documents(_ packing: SequencePacking, length: Int = 4) throws -> PackedSequences {
    let counted = documents.indices.map { ![0, 1, 2, 5, 6, 7, 8, 9, 10].contains($0) }
    return try PackedSequences(
      TokenArray(documents, counted: counted), sequenceLength: length, packing: packing, name: "text")
  }

  @Test func shiftedSequencesAreCutFromARing() throws {
    let sequences = try documents(SequencePacking(.shifted))
    #expect(sequences.count == 3)
    let batch = sequences.batch([SequencePlace(index: 0, offset: 2), SequencePlace(index: 2, offset: 3)])
    #expect(batch.ids == [11, 12, 2, 1] + [16, 17, 1, 10])
    #expect(batch.targets == [12, 2, -1, -1] + [17, -1, -1, -1])
    #expect(batch.sequences == [0, 2])
    // 13 tokens, of which each is an input once
    let whole = try documents(SequencePacking(.shifted), length: 13).batch([SequencePlace(index: 0, offset: 5)])
    #expect(whole.ids == Array(documents[5...]) + Array(documents[..<5]))
  }

  @Test(arguments: [SequencePacking.Cuts.shifted, .fixed])
  func sequencesBeginWithBOS(_ cuts: SequencePacking.Cuts) throws {
    let sequences = try documents(SequencePacking(cuts, beginningID: 1))
    #expect(sequences.count == 3)
    let batch = sequences.batch([0, 1, 2])
    // where BOS is there already, none is put in front, and what comes next is the next sequence's first target
    #expect(batch.ids == [1, 10, 11, 12] + [1, 2, 1, 13] + [1, 15, 2, 1])
    #expect(batch.targets == [-1, -1, 12, -1] + [2, -1, -1, -1] + [-1, -1, -1, 16])
    guard cuts == .shifted else { return }
    let shifted = sequences.batch([SequencePlace(index: 2, offset: 2)])
    #expect(shifted.ids == [1, 16, 17, 1])
    #expect(shifted.targets == [16, 17, -1, -1])
  }

  @Test(arguments: [SequencePacking.Cuts.shifted, .fixed], [nil, Int32(1)])
  func eachTokenIsATargetOnceInAnEpoch(_ cuts: SequencePacking.Cuts, _ beginningID: Int32?) throws {
    let ids = (0..<Int32(103)).map { $0 % 10 == 0 ? 1 : $0 + 10 }
    let tokens = TokenArray(ids, counted: ids.map { $0 != 1 })
    let text = try PackedSequences(
      tokens, sequenceLength: 7, packing: SequencePacking(cuts, beginningID: beginningID), name: "text")
    for offset in 0..<(cuts == .shifted ? 7 : 1) {
      let batch = text.batch((0..<text.count).map { SequencePlace(index: $0, offset: offset) })
      let targets = batch.targets.filter { $0 >= 0 }
      #expect(Set(targets).count == targets.count)
      let left = Set(ids).subtracting(targets).subtracting([1])
      #expect(left.count <= 103 % 7)
    }
  }

  @Test(arguments: [SequencePacking.Cuts.shifted, .fixed], [nil, Int32(1)])
  func sequencesWithoutCountedTargetsAreKnown(_ cuts: SequencePacking.Cuts, _ beginningID: Int32?) throws {
    for seed in 0..<20 {
      var generator = SeededGenerator(seed: UInt64(seed))
      var counted: [Bool] = [false]
      while counted.count < 90 {
        let length = Int.random(in: 1...14, using: &generator)
        counted += [Bool](repeating: counted.count % 2 == 0, count: length)
      }
      let ids = counted.indices.map { $0 % 9 == 0 ? Int32(1) : 5 }
      let tokens = TokenArray(ids, counted: zip(ids, counted).map { $0 != 1 && $1 })
      let text = try PackedSequences(
        tokens, sequenceLength: 5, packing: SequencePacking(cuts, beginningID: beginningID), name: "text")
      for offset in 0..<(cuts == .shifted ? 5 : 1) {
        let places = (0..<text.count).map { SequencePlace(index: $0, offset: offset) }
        let expected = places.filter { text.batch([$0]).countedTokens > 0 }
        #expect(places.filter(text.hasCountedTarget) == expected)
        #expect(text.countedSequences(offset: offset) == expected.count)
      }
    }
  }

  // MARK: - Order

  /// A text of so many sequences.
  private func order(_ count: Int, seed: UInt64) throws -> SequenceOrder {
    SequenceOrder(of: try sequences(count + 1, length: 1), seed: seed)
  }

  @Test func everyEpochHasEachSequenceOnce() throws {
    var order = try order(10, seed: 3)
    let epochs = (0..<4).map { epoch in (0..<10).map { order.place(at: epoch * 10 + $0).index } }
    for epoch in epochs { #expect(epoch.sorted() == Array(0..<10)) }
    #expect(Set(epochs).count == 4)
  }

  @Test func theOrderDependsOnSeedAndPositionAlone() throws {
    // what has nothing to learn is left out, and shifted epochs differ in how much that is
    let tokens = TokenArray((0..<400).map { Int32($0) }, counted: (0..<400).map { $0 % 50 < 30 })
    let text = try PackedSequences(tokens, sequenceLength: 7, packing: SequencePacking(), name: "text")
    var order = SequenceOrder(of: text, seed: 3)
    let straight = (0..<150).map { order.place(at: $0) }
    #expect(Set(straight.map(\.offset)).count > 1)
    #expect(straight.allSatisfy { text.batch([$0]).countedTokens > 0 })
    for start in [149, 60, 3] {
      var other = SequenceOrder(of: text, seed: 3)
      #expect((start..<150).map { other.place(at: $0) } == Array(straight[start...]))
    }
    #expect(order.place(at: 0) == straight[0])
    var other = SequenceOrder(of: text, seed: 4)
    #expect((0..<150).map { other.place(at: $0) } != straight)
  }

  /// Pinned, so that no later version continues a run in another order.
  @Test func theOrderStaysWhatItWas() throws {
    var order = try order(8, seed: 42)
    #expect((0..<16).map { order.place(at: $0).index } == [0, 4, 2, 7, 3, 5, 1, 6, 4, 2, 0, 7, 6, 3, 1, 5])
  }

  @Test func everyPlaceIsEquallyLikely() throws {
    var counts = [Int](repeating: 0, count: 5)
    for seed in 0..<2000 {
      var order = try order(5, seed: UInt64(seed))
      counts[order.place(at: 0).index] += 1
    }
    // 400 each; the standard deviation is 18
    #expect(counts.allSatisfy { abs($0 - 400) < 90 })
  }

  @Test func everyOffsetIsEquallyLikely() throws {
    let text = try PackedSequences(
      Small.tokens(50), sequenceLength: 5, packing: SequencePacking(), name: "text")
    var counts = [Int](repeating: 0, count: 5)
    var order = SequenceOrder(of: text, seed: 11)
    for epoch in 0..<2000 { counts[order.place(at: epoch * 10).offset] += 1 }
    #expect(counts.allSatisfy { abs($0 - 400) < 90 })
  }
}
