import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import ModelTraining

/// Sequences of whole documents that know nothing of each other.
@Suite struct DocumentPackingTests {
  private func sequences(
    _ documents: [[Int32]], length: Int, beginningID: Int32? = 1
  ) throws -> PackedSequences {
    let ids = documents.flatMap(\.self)
    let starts = documents.indices.map { documents[..<$0].reduce(0) { $0 + $1.count } }
    // odd ids do not count, nor does BOS
    return try PackedSequences(
      TokenArray(ids, counted: ids.map { $0 % 2 == 0 }, documentStarts: Set(starts)), sequenceLength: length,
      packing: SequencePacking(.documents, beginningID: beginningID), name: "text")
  }

  @Test func documentsShareSequences() throws {
    let documents: [[Int32]] = [[1, 10, 12, 2], [1, 14, 2], [1, 16, 18, 20, 22, 2], [1, 13, 15], [1]]
    let text = try sequences(documents, length: 5)
    // the third document fills one, the first and second another; of the fourth nothing counts
    #expect(text.count == 2)
    #expect(text.uncountedSequences == 1)
    let batch = text.batch([0, 1])
    #expect(batch.ids == [1, 16, 18, 20, 22] + [1, 10, 12] + [1, 14])
    #expect(batch.targets == [16, 18, 20, 22, 2] + [10, 12, 2] + [14, 2])
    #expect(batch.segments == [5, 3, 2])
    #expect(batch.sequences == [0, 1] && batch.beginsDocument == [true, true])
    #expect(text.countedTokens == 10)
  }

  @Test func documentsThatAreTooLongAreCut() throws {
    let document: [Int32] = [1, 10, 12, 14, 16, 18, 20, 22, 2]
    let batch = try sequences([document], length: 3).batch([0, 1, 2])
    #expect(batch.ids == [1, 10, 12] + [1, 16, 18] + [1, 22, 0])
    #expect(batch.targets == [10, 12, 14] + [16, 18, 20] + [22, 2, -1])
    #expect(batch.segments == [3, 3, 2, 1])
    #expect(batch.beginsDocument == [true, false, false])
    // without BOS in front, a part begins with what came before it
    let plain = try sequences([document], length: 3, beginningID: nil).batch([0, 1, 2])
    #expect(plain.ids == [1, 10, 12] + [14, 16, 18] + [20, 22, 0])
    #expect(plain.targets == batch.targets)
  }

  @Test func documentsWithoutBOSAreToldApart() throws {
    let text = try sequences(
      [[10, 12, 2], [14, 16, 18, 2]], length: 3, beginningID: nil)
    let batch = text.batch([0, 1])
    #expect(batch.ids == [14, 16, 18] + [10, 12, 0])
    #expect(batch.targets == [16, 18, 2] + [12, 2, -1])
    #expect(batch.segments == [3, 2, 1])
  }

  /// As chat templates write the turns of one chat.
  @Test func aDocumentMayHaveBOSAndEOSWithin() throws {
    let chat: [Int32] = [1, 10, 12, 2, 1, 14, 16, 2]
    let batch = try sequences([chat, [1, 18, 2]], length: 10).batch([0])
    #expect(batch.ids == chat.dropLast() + [1, 18, 0])
    #expect(batch.segments == [7, 2, 1])
  }

  @Test func littleStaysFree() throws {
    var generator = SeededGenerator(seed: 1)
    let documents = (0..<500).map { _ in
      [1] + (0..<Int.random(in: 1...90, using: &generator)).map { _ in Int32(4) } + [2]
    }
    let text = try sequences(documents, length: 64)
    let targets = documents.reduce(0) { $0 + $1.count - 1 }
    #expect(text.countedTokens == targets)
    let free = text.count * 64 - targets
    #expect(free >= 0 && Double(free) < 0.05 * Double(targets))
    for sequence in 0..<text.count {
      let batch = text.batch([sequence])
      #expect(batch.length == 64 && batch.segments.reduce(0, +) == 64)
    }
  }

  @Test func aTextWithoutCountedTokensIsRefused() {
    #expect(throws: TrainingError.nothingCounted(text: "text")) { try sequences([[1, 3, 5], [1, 7]], length: 4) }
  }

  /// Hidden states, loss and gradients are those of each document by itself.
  @Test(arguments: [1, 2, 3])
  func documentsAreLearntAsIfAlone(_ threads: Int) throws {
    var generator = SeededGenerator(seed: 7)
    let documents = [5, 3, 12, 2, 7, 1].map { count in
      [1] + (0..<count).map { _ in 2 * Int32.random(in: 2..<15, using: &generator) }
    }
    let text = try sequences(documents, length: 12)
    let batch = text.batch(Array(0..<text.count))
    #expect(batch.segments.count > text.count)
    let (together, apart) = (Small.model(threads: threads), Small.model(threads: threads))
    let states = together.frozen().hiddenStates(batch.ids, lengths: batch.segments).array()
    let scale = 1 / Double(batch.countedTokens)
    for model in [together, apart] { model.parameters.zeroGradients() }
    let objective = CrossEntropyObjective()
    let found = objective.accumulateGradients(of: together, on: batch, at: .only, scale: scale)
    var (expected, row) = (LossSums.zero, 0)
    for segment in batch.segments {
      let rows = row..<row + segment
      let alone = TokenBatch(ids: Array(batch.ids[rows]), targets: Array(batch.targets[rows]), batchSize: 1)
      expected += objective.accumulateGradients(of: apart, on: alone, at: .only, scale: scale)
      let own = apart.frozen().hiddenStates(alone.ids, batchSize: 1).array().map(Double.init)
      #expect(relativeError(Array(states[row * 16..<(row + segment) * 16]), own) < 1e-5)
      row += segment
    }
    #expect(found.tokens == expected.tokens && abs(found.loss / expected.loss - 1) < 1e-6)
    for (one, other) in zip(together.parameters.parameters, apart.parameters.parameters) {
      let (gradient, reference) = (try #require(one.gradient).array(), try #require(other.gradient).array())
      #expect(relativeError(gradient, reference.map(Double.init)) < 1e-5, "\(one.name)")
    }
  }

  @Test func microBatchesKeepTheirSegments() {
    let configuration = DecoderConfiguration(
      vocabularySize: 31, hiddenSize: 48, feedForwardSize: 80, layerCount: 2, headCount: 4, keyValueHeadCount: 2,
      contextLength: 600, tiesEmbeddings: true)
    let model = TransformerDecoder(configuration: configuration, seed: 1)
    let ids = [Int32](repeating: 3, count: 4 * 512)
    let batch = TokenBatch(
      ids: ids, targets: ids, batchSize: 4, segments: [512, 200, 312, 1, 511, 512],
      beginsDocument: [true, false, false, true])
    let parts = batch.microBatches(for: model)
    #expect(parts.map(\.segments) == [[512, 200, 312], [1, 511, 512]])
    #expect(parts.map(\.beginsDocument) == [[true, false], [false, true]])
  }

  @Test func runsHaveTheSameBitsForAnyNumberOfThreads() throws {
    let documents = (0..<40).map { index -> [Int32] in
      let text = (0..<(index * 7 % 17 + 1)).map { place -> Int32 in Int32(place * index % 13) * 2 + 4 }
      return [1] + text + [2]
    }
    var weights: [[UInt32]] = []
    for threads in [1, 2, 5] {
      let model = Small.model(threads: threads)
      try Trainer(
        model: model, objective: CrossEntropyObjective(), data: sequences(documents, length: 12),
        recipe: Small.recipe(steps: 5)
      ).run()
      weights.append(try Small.weights(model))
    }
    #expect(weights[1...].allSatisfy { $0 == weights[0] })
  }
}
