import LanguageModels
import TensorCore
import Testing

@testable import TextGeneration

/// Sequences whose rotations depend on how long they become, of more than 12 tokens with this decoder.
@Suite("Generation across the original context of longrope") struct LongSequenceTests {
  private func decoder(layers: Int, seed: UInt64) -> TransformerDecoder {
    let scaling = RotaryScaling.longRope(
      shortFactors: [1, 1, 2], longFactors: [3, 8, 30], originalContextLength: 12, amplitude: 1.3)
    return TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: 50, hiddenSize: 24, feedForwardSize: 40, layerCount: layers, headCount: 4,
        keyValueHeadCount: 2, contextLength: 64, rotary: RotaryPositions(scaling: scaling), initializerRange: 0.6,
        eosTokenIDs: []), seed: seed, device: Device(threads: 2))
  }

  private let start: [Int32] = [7, 3, 11, 42]

  private func tokens(
    _ session: some DecodingSession, _ ids: [Int32], count: Int, _ caches: SequenceCaches? = nil
  ) throws -> [Int32] {
    let sampler = try Sampling.greedy.sampler()
    _ = try session.submit(
      DecodingRequest(ids: ids, sampler: sampler, generator: SeededGenerator(seed: 1), maximumTokens: count),
      caches: caches)
    var tokens: [Int32] = []
    while session.sequenceCount > 0 {
      for event in session.step() {
        guard case .token(let token) = event else { continue }
        tokens.append(token.id)
      }
    }
    return tokens
  }

  private func plain(_ decoder: TransformerDecoder) -> PlainDecodingSession {
    PlainDecodingSession(decoder, batchSize: 1)
  }

  @Test("A draft changes no token", arguments: [6, 8, 9, 20, 60]) func speculation(count: Int) throws {
    let decoder = decoder(layers: 2, seed: 1)
    let expected = try tokens(plain(decoder), start, count: count)
    #expect(expected.count == count)
    let session = SpeculativeDecodingSession(
      decoder, draft: self.decoder(layers: 1, seed: 2), length: .fixed(3), batchSize: 1)
    #expect(try tokens(session, start, count: count) == expected)
  }

  @Test("Sequences that end in time are those of a decoder that knows no longer ones") func short() throws {
    let decoder = decoder(layers: 2, seed: 1)
    var ids = start
    for _ in 0..<8 { ids.append(Int32(RowKernels.argmax(decoder.lastLogits(ids).span))) }
    #expect(try tokens(plain(decoder), start, count: 8) == Array(ids[4...]))
  }

  @Test("Caches that were filled for a short sequence go on with a long one, and back") func kept() throws {
    let decoder = decoder(layers: 2, seed: 1)
    let caches = SequenceCaches(decoder: decoder.frozen().makeCache())
    let first = try tokens(plain(decoder), start, count: 8, caches)
    #expect(try first == tokens(plain(decoder), start, count: 8))
    let next = start + first
    #expect(caches.keptTokens(of: next) == 11)
    #expect(try tokens(plain(decoder), next, count: 20, caches) == tokens(plain(decoder), next, count: 20))
    #expect(try tokens(plain(decoder), start, count: 5, caches) == tokens(plain(decoder), start, count: 5))
  }
}
