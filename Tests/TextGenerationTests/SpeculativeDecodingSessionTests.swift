import Foundation
import LanguageModels
import ModelFiles
import TensorCore
import Testing

@testable import TextGeneration

@Suite("Speculative decoding session") struct SpeculativeDecodingSessionTests {
  /// Every filter alone, and together.
  static let samplings: [Sampling] = [
    Sampling(), Sampling(temperature: 0.6), .topK(3), .topP(0.7, temperature: 1.4), .minP(0.2),
    Sampling(repetitionPenalty: 1.5),
    Sampling(temperature: 0.9, topK: 6, topP: 0.9, minP: 0.05, repetitionPenalty: 1.3),
  ]

  private func decoder(seed: UInt64, layers: Int = 1) -> TransformerDecoder {
    TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: 8, hiddenSize: 8, feedForwardSize: 12, layerCount: layers, headCount: 2, contextLength: 32,
        initializerRange: 0.6, bosTokenID: nil, eosTokenIDs: []), seed: seed, device: Device(threads: 1))
  }

  /// The statistic, and its 99.99 % quantile (Wilson & Hilferty 1931); cells with few expected draws are taken
  /// together.
  private func chiSquare(_ counts: [Int], _ probabilities: [Double]) -> (value: Double, quantile: Double) {
    let draws = Double(counts.reduce(0, +))
    var cells: [(found: Double, expected: Double)] = [(0, 0)]
    for (count, probability) in zip(counts, probabilities) {
      if probability * draws < 5 {
        cells[0].found += Double(count)
        cells[0].expected += probability * draws
      } else {
        cells.append((Double(count), probability * draws))
      }
    }
    if cells[0].expected < 5 { cells.removeFirst() }
    guard cells.count > 1 else { return (0, 1) }
    let freedom = Double(cells.count - 1)
    let quantile = freedom * pow(1 - 2 / (9 * freedom) + 3.72 * (2 / (9 * freedom)).squareRoot(), 3)
    return (cells.reduce(0) { $0 + pow($1.found - $1.expected, 2) / $1.expected }, quantile)
  }

  /// Three tokens in a row, of which each depends on those before: their joint distribution is that of the model alone.
  @Test("Tokens have exactly the model's distribution (chi-square)", arguments: samplings, [1, 2, 4])
  func distribution(_ sampling: Sampling, length: Int) throws {
    let (model, draft) = (decoder(seed: 1, layers: 2), decoder(seed: 2))
    let start: [Int32] = [3, 1]
    var expected = [1.0]
    for depth in 0..<3 {
      expected = expected.indices.flatMap { index in
        let ids = (0..<depth).reversed().map { Int32(index >> (3 * $0) & 7) }
        let logits = model.lastLogits(start + ids).map(Double.init)
        return twinProbabilities(logits, sampling, seen: Set(start + ids)).map { $0 * expected[index] }
      }
    }
    let draws = 12_000
    let sampler = try sampling.sampler()
    let session = SpeculativeDecodingSession(
      model, draft: draft, length: .fixed(length), batchSize: 100, isRepeatable: false)
    let tokens = try session.tokens(
      of: (0..<draws).map {
        DecodingRequest(
          ids: start, sampler: sampler, generator: SeededGenerator(seed: 9, stream: $0), maximumTokens: 3)
      })
    var statistics = SpeculationStatistics()
    for ofSequence in tokens { statistics += try #require(ofSequence.last?.speculation) }
    var counts = [Int](repeating: 0, count: 512)
    for tokens in tokens { counts[tokens.reduce(0) { $0 << 3 | Int($1.id) }] += 1 }
    for (count, probability) in zip(counts, expected) where probability == 0 { #expect(count == 0) }
    let (value, quantile) = chiSquare(counts, expected)
    #expect(value < quantile)
    #expect(statistics.tokens == 3 * draws)
    // not everything was accepted, nor nothing, and as much as the overlap of both distributions says
    let (found, predicted) = (try #require(statistics.acceptance), try #require(statistics.predictedAcceptance))
    #expect(found > 0.05 && found < 0.95)
    #expect(abs(found - predicted) < 4 * (0.25 / Double(statistics.testedTokens)).squareRoot())
  }

  @Test("A drafted token is settled on with the model's probabilities, whatever the draft's are", arguments: samplings)
  func settling(_ sampling: Sampling) throws {
    let logits: [Float] = [1.2, -0.3, 0.9, 2, -.infinity, 0.9, -2, 0.1]
    let seen: Set<Int32> = [1, 3]
    let (sampler, history) = (try sampling.sampler(), TokenHistory([3, 1, 3]))
    let expected = twinProbabilities(logits.map(Double.init), sampling, seen: seen)
    for draftLogits: [Float] in [
      [0, 0, 0, 0, 0, 0, 0, 0], [-9, 9, -9, -9, -9, -9, -9, -9], [1.2, -0.3, 0.9, 2, -.infinity, 0.9, -2, 0.1],
      [2, 1, 0.5, 1, 3, -1, 0, 0.1],
    ] {
      let draft = twinProbabilities(draftLogits.map(Double.init), sampling, seen: seen)
      let overlap = zip(expected, draft).reduce(0) { $0 + min($1.0, $1.1) }
      var counts = [Int](repeating: 0, count: logits.count)
      var accepted = 0
      var generator = SeededGenerator(seed: 5)
      let draws = 20_000
      for _ in 0..<draws {
        var (row, draftRow) = (logits, draftLogits)
        var span = row.mutableSpan
        var draftSpan = draftRow.mutableSpan
        let proposal = try sampler.draft(&draftSpan, history: history, using: &generator)
        let settled = try sampler.settle(&span, proposal, history: history, using: &generator)
        counts[Int(settled.id)] += 1
        accepted += settled.isDrafted ? 1 : 0
        #expect(!settled.isDrafted || settled.id == proposal.id)
        #expect(abs(settled.overlap - overlap) < 1e-5)
      }
      for (count, probability) in zip(counts, expected) where probability == 0 { #expect(count == 0) }
      let (value, quantile) = chiSquare(counts, expected)
      #expect(value < quantile)
      #expect(abs(Double(accepted) / Double(draws) - overlap) < 4 * (0.25 / Double(draws)).squareRoot())
    }
  }

  @Test("A processor of one's own that looks back is applied to draft and model alike")
  func ownProcessor() throws {
    let (model, draft) = (decoder(seed: 1, layers: 2), decoder(seed: 2))
    let draws = 12_000
    let tokens = try SpeculativeDecodingSession(
      model, draft: draft, length: .fixed(2), batchSize: 100, isRepeatable: false
    ).tokens(
      of: (0..<draws).map {
        DecodingRequest(
          ids: [3, 1], sampler: TokenSampler([LastTokenBan()]), generator: SeededGenerator(seed: 6, stream: $0),
          maximumTokens: 2)
      })
    func expected(_ ids: [Int32]) -> [Double] {
      var logits = model.lastLogits(ids).map(Double.init)
      logits[Int(ids[ids.count - 1])] = -.infinity
      return twinProbabilities(logits, Sampling())
    }
    let first = expected([3, 1])
    let pairs = first.indices.flatMap { id in expected([3, 1, Int32(id)]).map { $0 * first[id] } }
    var counts = [Int](repeating: 0, count: 64)
    for tokens in tokens { counts[Int(tokens[0].id) << 3 | Int(tokens[1].id)] += 1 }
    for (count, probability) in zip(counts, pairs) where probability == 0 { #expect(count == 0) }
    let (value, quantile) = chiSquare(counts, pairs)
    #expect(value < quantile)
  }

  @Test("The model as its own draft is always accepted")
  func ownDraft() throws {
    let model = decoder(seed: 1)
    for length in [1, 3] {
      let tokens = try SpeculativeDecodingSession(model, draft: model, length: .fixed(length), batchSize: 1).tokens(
        of: [DecodingRequest(ids: [2], generator: SeededGenerator(seed: 1), maximumTokens: 24)])
      let statistics = try #require(tokens[0].last?.speculation)
      #expect(statistics.acceptance == 1)
      #expect(statistics.passes == 24 / (length + 1) && statistics.tokensPerPass == Double(length + 1))
      #expect(abs(try #require(statistics.predictedAcceptance) - 1) < 1e-5)
    }
  }

  @Test("The adaptive length is the one that promises most tokens for the time")
  func adaptiveLength() {
    func next(_ cost: Double, _ overlaps: [Double]) -> Int {
      var choice = DraftLengthChoice(.adaptive, cost: cost)
      for overlap in overlaps { choice.observe(overlap) }
      return choice.next
    }
    let certain = [Double](repeating: 1, count: 1000)
    #expect(next(0.01, certain) == Device.uniformRows - 1)
    #expect(next(0.01, certain.map { _ in 0 }) == 1)
    #expect(next(3, certain) == 1)
    // acceptance 0.8, of 1000 and the three it begins with
    let overlaps = [Double](repeating: 0.8, count: 1000)
    let acceptance = 802.0 / 1003
    let speeds: [Double] = (1..<Device.uniformRows).map { count in
      let tokens: Double = (1 - pow(acceptance, Double(count + 1))) / (1 - acceptance)
      return tokens / (1 + 0.15 * Double(count))
    }
    let best = speeds.indices.max { speeds[$0] < speeds[$1] } ?? 0
    #expect(next(0.1, overlaps) == best + 1)
    var fixed = DraftLengthChoice(.fixed(5), cost: 0.1)
    fixed.observe(0)
    #expect(fixed.next == 5)
  }
}
