import Diagnostics
import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import TextGeneration

@Suite("Log-probabilities beside tokens") struct PromptScoringTests {
  private static let prompt: [Int32] = (0..<40).map { Int32($0 * 31 % 261) }

  private static func request(_ ids: [Int32] = prompt, alternatives: Int = 0, maximumTokens: Int = 5) -> DecodingRequest
  {
    DecodingRequest(
      ids: ids, generator: SeededGenerator(seed: 3), maximumTokens: maximumTokens, alternatives: alternatives)
  }

  /// log p of all tokens behind a prompt, in Double.
  private func logProbabilities(_ decoder: some DecoderModel, after ids: [Int32]) -> [Double] {
    DoubleReference.softmax(decoder.lastLogits(ids).map(Double.init)).map { log($0) }
  }

  /// The most probable tokens, the most probable first.
  private func largest(_ count: Int, of values: [Double]) -> [Int32] {
    values.indices.sorted { values[$0] > values[$1] }.prefix(count).map { Int32($0) }
  }

  @Test(
    "Scores are those of the whole prompt at once, however it is cut", arguments: [1, 3, 7, 64],
    [[nil, nil], [8, nil]])
  func parts(limit: Int, windows: [Int?]) throws {
    let decoder = tinyDecoder(windows: windows)
    let generator = try Generator(decoder, ByteTokenizer())
    let scoring = generator.makeScoring(of: Self.request(), alternatives: 4)
    var passes = 0
    while !scoring.isComplete {
      generator.advance([scoring], tokens: limit)
      passes += 1
    }
    #expect(passes == (Self.prompt.count - 2) / limit + 1)
    #expect(scoring.tokens.map(\.token.id) == Array(Self.prompt.dropFirst()))
    for (place, scored) in scoring.tokens.enumerated() {
      let expected = logProbabilities(decoder, after: Array(Self.prompt[...place]))
      #expect(abs(Double(scored.token.logProbability) - expected[Int(scored.token.id)]) < 1e-4)
      #expect(scored.alternatives.map(\.id) == largest(4, of: expected))
      for other in scored.alternatives {
        #expect(abs(Double(other.logProbability) - expected[Int(other.id)]) < 1e-4)
      }
    }
  }

  @Test("Several prompts are scored in one pass, the first ones first; one token has no scores")
  func several() throws {
    let generator = try Generator(tinyDecoder(), ByteTokenizer())
    let lengths = [5, 1, 9]
    let scorings = lengths.map {
      generator.makeScoring(of: Self.request(Array(Self.prompt.prefix($0))), alternatives: 0)
    }
    generator.advance(scorings, tokens: 6)
    #expect(scorings.map(\.tokens.count) == [4, 0, 2])
    #expect(scorings.map(\.isComplete) == [true, true, false])
    generator.advance(scorings, tokens: 100)
    #expect(scorings.map(\.tokens.count) == [4, 0, 8])
    for scoring in scorings {
      let ids = Array(Self.prompt.prefix(scoring.tokens.count + 1))
      let alone = generator.makeScoring(of: Self.request(ids), alternatives: 0)
      generator.advance([alone], tokens: 100)
      for (one, other) in zip(scoring.tokens, alone.tokens) {
        #expect(abs(one.token.logProbability - other.token.logProbability) < 1e-5)
      }
    }
  }

  @Test("A session goes on from a scored prompt as it does from the prompt", arguments: [false, true])
  func continuation(hasDraft: Bool) throws {
    let generator = try Generator(
      tinyDecoder(), ByteTokenizer(), draft: hasDraft ? tinyDecoder(seed: 2) : nil, draftLength: .fixed(3))
    let request = Self.request(alternatives: 2, maximumTokens: 12)
    let expected = try generator.makeSession(batchSize: 1).tokens(of: [request])[0]
    let scoring = generator.makeScoring(of: request, alternatives: 0)
    while !scoring.isComplete { generator.advance([scoring], tokens: 16) }
    let session = generator.makeSession(batchSize: 1)
    _ = try session.submit(request, caches: scoring.caches)
    var tokens: [SampledToken] = []
    while session.sequenceCount > 0 { tokens += try session.nextTokens() }
    #expect(tokens.map(\.id) == expected.map(\.id))
    for (token, other) in zip(tokens, expected) { #expect(abs(token.logProbability - other.logProbability) < 1e-5) }
  }

  @Test(
    "Sessions tell the most probable tokens where a request asks for them", arguments: [false, true], [0, 1, 5, 320])
  func alternatives(hasDraft: Bool, count: Int) throws {
    let decoder = tinyDecoder()
    let generator = try Generator(
      decoder, ByteTokenizer(), draft: hasDraft ? tinyDecoder(seed: 2) : nil, draftLength: .fixed(3))
    let plain = Self.request(Array(Self.prompt.prefix(4)))
    let asking = Self.request(Array(Self.prompt.prefix(4)), alternatives: count)
    let tokens = try generator.makeSession(batchSize: 2).tokens(of: [plain, asking])
    #expect(tokens[0].map(\.id) == tokens[1].map(\.id))
    #expect(tokens[0].flatMap(\.alternatives).isEmpty)
    var ids = asking.ids
    for token in tokens[1] {
      let expected = logProbabilities(decoder, after: ids)
      #expect(token.alternatives.count == count)
      #expect(token.alternatives.prefix(5).map(\.id) == largest(min(count, 5), of: expected))
      #expect(token.alternatives == token.alternatives.sorted { $0.logProbability > $1.logProbability })
      if count == 320 {
        #expect(token.alternatives.contains { $0.id == token.id && $0.logProbability == token.logProbability })
      }
      ids.append(token.id)
    }
  }

  @Test("More alternatives than the vocabulary has are refused", arguments: [-1, 321])
  func tooMany(count: Int) throws {
    let session = PlainDecodingSession(tinyDecoder(), batchSize: 1)
    #expect {
      _ = try session.submit(Self.request(alternatives: count))
    } throws: { error in
      guard case .value(let value) = error as? GenerationError else { return false }
      return value.key == "alternatives" && value.found == "\(count)"
    }
  }

  @Test("Logits that are not finite are an error, not a score")
  func notFinite() throws {
    let decoder = tinyDecoder()
    decoder.head.dense(on: decoder.device).withMutableSpan { $0[5] = .nan }
    let generator = try Generator(decoder, ByteTokenizer())
    let scoring = generator.makeScoring(of: Self.request(), alternatives: 1)
    generator.advance([scoring], tokens: 8)
    #expect(scoring.failure != nil)
    #expect(scoring.isComplete)
    #expect(scoring.tokens.isEmpty)
  }

  @Test("A prompt that cannot be scored leaves those beside it as they are")
  func oneFails() throws {
    let decoder = tinyDecoder()
    let (good, bad): ([Int32], [Int32]) = ([1, 2, 3, 4], [5, 6, 7, 8])
    // a token's own vector: only the prompts that contain it are affected
    let embedding = try #require(decoder.weights.first { $0.role == .embedding }).parameter.matrix
    embedding.dense(on: decoder.device).withMutableSpan { $0[6 * 24] = .nan }
    let generator = try Generator(decoder, ByteTokenizer())
    let alone = generator.makeScoring(of: Self.request(good), alternatives: 1)
    generator.advance([alone], tokens: 100)
    let scorings = [bad, good].map { generator.makeScoring(of: Self.request($0), alternatives: 1) }
    // the second pass goes on with the good one alone
    generator.advance(scorings, tokens: 5)
    #expect(scorings[1].tokens.count == 2)
    generator.advance(scorings, tokens: 5)
    guard case .logitsNotFinite = scorings[0].failure else {
      Issue.record("\(String(describing: scorings[0].failure))")
      return
    }
    #expect(scorings[0].tokens.count < 3)
    #expect(scorings.map(\.isComplete) == [true, true])
    #expect(scorings[1].failure == nil)
    #expect(scorings[1].tokens.map(\.token.id) == [2, 3, 4])
    for (token, other) in zip(scorings[1].tokens, alone.tokens) {
      #expect(abs(token.token.logProbability - other.token.logProbability) < 1e-5)
    }
  }
}

@Suite("Occurrence penalty") struct OccurrencePenaltyTests {
  @Test("Each token loses presence once and frequency for every time it was generated; the prompt does not count")
  func definition() throws {
    let penalty = try OccurrencePenalty(frequency: 0.5, presence: 0.25, promptCount: 2)
    var logits: [Float] = [1, 2, 3, 4]
    var span = logits.mutableSpan
    penalty.processLogits(&span, history: TokenHistory([0, 1, 1, 3, 3]))
    #expect(logits == [1, 2 - 0.75, 3, 4 - 1.25])
  }

  @Test("Penalties that cannot be are refused by name", arguments: [-2.1, 2.1, .nan, .infinity])
  func validation(value: Double) {
    func key(_ body: () throws(GenerationError) -> OccurrencePenalty) -> String? {
      do throws(GenerationError) { _ = try body() } catch { if case .value(let value) = error { return value.key } }
      return nil
    }
    #expect(
      key { () throws(GenerationError) in try OccurrencePenalty(frequency: value, presence: 0, promptCount: 0) }
        == "frequency-penalty")
    #expect(
      key { () throws(GenerationError) in try OccurrencePenalty(frequency: 0, presence: value, promptCount: 0) }
        == "presence-penalty")
  }
}
