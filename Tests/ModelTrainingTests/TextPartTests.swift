import ModelEvaluation
import ModelTraining
import TensorCore
import Testing
import Tokenization

/// Texts of several parts, of which no sequence has tokens of two.
@Suite struct TextPartTests {
  /// Ids that tell the part: those of part p lie in p·100..<p·100 + 100.
  private func part(_ number: Int32, tokens: Int, _ packing: SequencePacking) throws -> PackedSequences {
    let ids = (0..<Int32(tokens)).map { number * 100 + $0 % 100 }
    let starts = Set(stride(from: 0, to: tokens, by: 7))
    return try PackedSequences(
      TokenArray(ids, documentStarts: starts), sequenceLength: 10, packing: packing, name: "part \(number)")
  }

  @Test(arguments: [SequencePacking(.fixed), .init(.shifted), .init(.documents), .init(.shifted, beginningID: 999)])
  func sequencesAreOfOnePartAndSayWhich(_ packing: SequencePacking) throws {
    let parts = try [(1, 55), (2, 123), (3, 31)].map { try part($0, tokens: $1, packing) }
    let text = PackedSequences(parts: parts, name: "all")
    #expect(text.count == parts.reduce(0) { $0 + $1.count } && text.partCount == 3 && text.name == "all")
    #expect(text.uncountedSequences == 0 && text.countedTokens == parts.reduce(0) { $0 + $1.countedTokens })
    var order = SequenceOrder(of: text, seed: 3)
    var met = [0, 0, 0]
    for position in 0..<3 * text.count {
      let batch = text.batch([order.place(at: position)])
      let part = try #require(batch.parts.first)
      met[part] += 1
      let ids = (batch.ids + batch.targets).filter { $0 > 0 && $0 != 999 }
      #expect(ids.allSatisfy { Int($0) / 100 == part + 1 }, "\(ids) of part \(part)")
    }
    #expect(met == parts.map { 3 * $0.count })
    // each part's own sequences, one after another
    #expect(text.batch([parts[0].count]).ids == parts[1].batch([0]).ids)
    #expect(parts[0].batch([0]).parts.isEmpty)
  }

  @Test func theDigestIsOfAllPartsInTheirOrder() throws {
    let (one, two) = (try part(1, tokens: 55, .fixed), try part(2, tokens: 55, .fixed))
    let digests = [[one], [two], [one, two], [two, one]].map { PackedSequences(parts: $0, name: "all").digest() }
    #expect(Set(digests).count == 4 && digests[0] == one.digest())
  }

  /// Where nothing counts in some sequences of a later part, these are left out.
  @Test func uncountedSequencesOfLaterPartsAreLeftOut() throws {
    let one = try part(1, tokens: 51, .fixed)
    let counted = (0..<51).map { $0 > 30 }
    let two = try PackedSequences(
      TokenArray((0..<51).map { 200 + $0 }, counted: counted), sequenceLength: 10, name: "part 2")
    let text = PackedSequences(parts: [one, two], name: "all")
    #expect(two.uncountedSequences == 3 && text.uncountedSequences == 3 && text.count == 10)
    var order = SequenceOrder(of: text, seed: 1)
    let epoch = Set((0..<7).map { order.place(at: $0).index })
    #expect(epoch == [0, 1, 2, 3, 4, 8, 9])
    let none = try PackedSequences(
      TokenArray((0..<51).map { 200 + $0 }, counted: counted.map { _ in false }), sequenceLength: 10, name: "part 2")
    try PackedSequences(parts: [none, one], name: "all").requireCountedTokens()
    #expect(throws: TrainingError.nothingCounted(text: "all")) {
      try PackedSequences(parts: [none, none], name: "all").requireCountedTokens()
    }
  }

  @Test func chosenSequencesOfABatchKeepTheirSegments() {
    let batch = TokenBatch(
      ids: [1, 2, 3, 4, 5, 6, 7, 8, 9], targets: [2, 3, -1, 5, -1, 7, 8, 9, -1], batchSize: 3, sequences: [4, 5, 6],
      segments: [3, 2, 1, 1, 2], beginsDocument: [true, false, true], parts: [0, 1, 0])
    #expect(
      batch.sequences([2, 0])
        == TokenBatch(
          ids: [7, 8, 9, 1, 2, 3], targets: [8, 9, -1, 2, 3, -1], batchSize: 2, sequences: [6, 4], segments: [1, 2, 3],
          beginsDocument: [true, true], parts: [0, 0]))
    #expect(batch.sequences(0..<3) == batch)
  }

  @Test func validationWindowsSayOfWhichPartTheyAre() throws {
    let documents = [[Int32]](repeating: Array(3..<20), count: 3)
    let text = EvaluationText(documents: documents, beginningID: 1)
    let validation = try ValidationText(
      text, sequenceLength: 10, name: "held-out", documentParts: [1, 0, 1], partCount: 2)
    #expect(validation.batch(Array(0..<6)).parts == [1, 1, 0, 0, 1, 1])
    let plain = try ValidationText(text, sequenceLength: 10, name: "held-out")
    #expect(plain.batch([0]).parts.isEmpty && plain.partCount == 1 && plain.digest() == validation.digest())
  }
}
