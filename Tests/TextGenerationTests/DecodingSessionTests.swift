import LanguageModels
import TensorCore
import Testing

@testable import TextGeneration

/// How a session continues its sequences.
enum Decoding: CaseIterable {
  case plain
  case drafted
  case adaptivelyDrafted

  func session(
    _ decoder: any DecoderModel, _ draft: any DecoderModel, _ cachePrecision: CachePrecision, batchSize: Int
  )
    -> any DecodingSession
  {
    switch self {
    case .plain:
      PlainDecodingSession(decoder, cachePrecision: cachePrecision, batchSize: batchSize)
    case .drafted, .adaptivelyDrafted:
      SpeculativeDecodingSession(
        decoder, draft: draft, length: self == .drafted ? .fixed(3) : .adaptive,
        cachePrecision: cachePrecision, batchSize: batchSize)
    }
  }
}

/// What models and caches round.
struct Rounding: CustomTestStringConvertible {
  var products: ProductPrecision
  var caches: CachePrecision
  var testDescription: String { "\(products), \(caches)" }

  static let all = [
    Rounding(products: .float32, caches: .float32), Rounding(products: .float32, caches: .float16),
    Rounding(products: .bfloat16, caches: .float32), Rounding(products: .bfloat16, caches: .float16),
  ]
}

@Suite("Decoding session") struct DecodingSessionTests {
  /// A request, the step before which it is submitted, and the number of tokens after which it is cancelled.
  private struct Visit {
    var request: DecodingRequest
    var step: Int
    var cancelledAfter: Int?
  }

  private func visits(seed: UInt64) throws -> [Visit] {
    var random = SeededGenerator(seed: seed)
    let samplers = try [
      Sampling.greedy, Sampling(), Sampling(temperature: 0.8, topP: 0.95), Sampling(topK: 20, repetitionPenalty: 1.2),
    ].map { try $0.sampler() }
    let endIDs = Set(stride(from: 0, to: Int32(300), by: 10))
    return (0..<20).map { index in
      let length = Int.random(in: 1...20, using: &random)
      let ids = (0..<length).map { _ in Int32.random(in: 0..<320, using: &random) }
      return Visit(
        request: DecodingRequest(
          ids: ids, sampler: samplers[index % samplers.count], generator: SeededGenerator(seed: seed, stream: index),
          maximumTokens: Int.random(in: 1...30, using: &random), endIDs: endIDs),
        step: Int.random(in: 0...15, using: &random),
        cancelledAfter: index % 3 == 0 ? Int.random(in: 0...6, using: &random) : nil)
    }
  }

  private func decoder(_ rounding: Rounding, seed: UInt64) -> FrozenDecoder {
    tinyDecoder(contextLength: 40, seed: seed).frozen(precision: rounding.products, isConstant: true)
  }

  @Test(
    "Sequences that join and leave at any step have the tokens and the bits that they have alone",
    arguments: Decoding.allCases, Rounding.all)
  func joiningAndLeaving(_ decoding: Decoding, _ rounding: Rounding) throws {
    let (model, draft) = (decoder(rounding, seed: 1), decoder(rounding, seed: 2))
    for seed in 1...3 as ClosedRange<UInt64> {
      let visits = try visits(seed: seed)
      let alone = try visits.map { visit in
        try decoding.session(model, draft, rounding.caches, batchSize: 1).tokens(of: [visit.request])[0]
      }
      for batchSize in [5, 100] {
        let session = decoding.session(model, draft, rounding.caches, batchSize: batchSize)
        var found = [[SampledToken]](repeating: [], count: visits.count)
        var visitors: [SequenceID: Int] = [:]
        var step = 0
        while step <= 15 || session.sequenceCount > 0 {
          for (index, visit) in visits.enumerated() where visit.step == step {
            visitors[try session.submit(visit.request)] = index
          }
          for (id, index) in visitors where visits[index].cancelledAfter.map({ found[index].count >= $0 }) ?? false {
            session.cancel(id)
            visitors[id] = nil
          }
          for token in try session.nextTokens() {
            found[try #require(visitors[token.sequence], "a token of a sequence that has left")].append(token)
          }
          step += 1
        }
        for (visit, (found, alone)) in zip(visits, zip(found, alone)) {
          let same = found.map(Bits.init)
          if let count = visit.cancelledAfter {
            // a draft may bring more tokens than were waited for
            #expect(same == Array(alone.map(Bits.init).prefix(same.count)) && same.count >= min(count, alone.count))
          } else {
            #expect(same == alone.map(Bits.init))
          }
        }
      }
      #expect(alone.contains { $0.last?.finish == .endToken } && alone.contains { $0.last?.finish == .maximumTokens })
    }
  }

  @Test("A sequence goes on until the context has no place for its last token", arguments: Decoding.allCases)
  func contextFull(_ decoding: Decoding) throws {
    let rounding = Rounding(products: .float32, caches: .float32)
    for length in [1, 38, 40] {
      let request = DecodingRequest(
        ids: [Int32](repeating: 4, count: length), generator: SeededGenerator(seed: 1))
      let tokens = try decoding.session(
        decoder(rounding, seed: 1), decoder(rounding, seed: 2), .float32, batchSize: 2
      ).tokens(of: [request])[0]
      #expect(length + tokens.count == 41 && tokens.last?.finish == .contextFull)
      #expect(tokens.dropLast().allSatisfy { $0.finish == nil })
    }
  }

  @Test("What a model cannot be fed is refused, and takes no number", arguments: Decoding.allCases)
  func refusals(_ decoding: Decoding) throws {
    let rounding = Rounding(products: .float32, caches: .float32)
    let session = decoding.session(decoder(rounding, seed: 1), decoder(rounding, seed: 2), .float32, batchSize: 2)
    let generator = SeededGenerator(seed: 1)
    for ids: [Int32] in [[], [Int32](repeating: 4, count: 41), [4, -1], [320]] {
      #expect(throws: GenerationError.self) { try session.submit(DecodingRequest(ids: ids, generator: generator)) }
    }
    #expect(throws: GenerationError.self) {
      try session.submit(DecodingRequest(ids: [4], generator: generator, maximumTokens: 0))
    }
    #expect(session.sequenceCount == 0 && session.step().isEmpty)
    #expect(try session.submit(DecodingRequest(ids: [4], generator: generator)).number == 0)
    #expect(session.sequenceCount == 1)
  }

  @Test("A sequence without a distribution to draw from leaves, the others go on", arguments: Decoding.allCases)
  func failures(_ decoding: Decoding) throws {
    let rounding = Rounding(products: .float32, caches: .float32)
    let session = decoding.session(decoder(rounding, seed: 1), decoder(rounding, seed: 2), .float32, batchSize: 3)
    let sound = try session.submit(
      DecodingRequest(ids: [4], generator: SeededGenerator(seed: 1), maximumTokens: 9))
    let broken = try session.submit(
      DecodingRequest(
        ids: [4], sampler: TokenSampler([Nothing()]), generator: SeededGenerator(seed: 1), maximumTokens: 9))
    var (tokens, failed) = (0, [SequenceID]())
    while session.sequenceCount > 0 {
      for event in session.step() {
        switch event {
        case .token(let token):
          #expect(token.sequence == sound)
          tokens += 1
        case .failed(let id, let error):
          #expect(error == .logitsNotFinite(largest: -.infinity))
          failed.append(id)
        }
      }
    }
    #expect(tokens == 9 && failed == [broken])
  }
}

/// Leaves no token.
private struct Nothing: LogitsProcessor {
  func processLogits(_ logits: inout MutableSpan<Float>, history: TokenHistory) {
    for id in 0..<logits.count { logits[id] = -.infinity }
  }
}

/// All of a token that must not depend on others.
private struct Bits: Equatable {
  let id: Int32
  let logProbability: UInt32
  let speculation: SpeculationStatistics?
  let finish: FinishReason?

  init(_ token: SampledToken) {
    (id, logProbability) = (token.id, token.logProbability.bitPattern)
    (speculation, finish) = (token.speculation, token.finish)
  }
}
