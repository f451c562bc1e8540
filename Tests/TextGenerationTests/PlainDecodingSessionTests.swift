import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import TextGeneration

@Suite("Plain decoding session")
struct PlainDecodingSessionTests {
  /// Starts of 1 to 52 tokens, of lengths that differ, so that places become free one by one.
  private func requests(_ sampling: Sampling = Sampling(temperature: 0.8)) throws -> [DecodingRequest] {
    let sampler = try sampling.sampler()
    return (0..<61).map { index in
      DecodingRequest(
        ids: (0...(index * 7 % 52)).map { Int32(($0 * 31 + index) % 320) }, sampler: sampler,
        generator: SeededGenerator(seed: 5, stream: index), maximumTokens: 3 + index % 9)
    }
  }

  private func tokens(_ decoder: any DecoderModel, batchSize: Int) throws -> [[SampledToken]] {
    try PlainDecodingSession(decoder, batchSize: batchSize).tokens(of: requests())
  }

  @Test("Tokens and log-probabilities have the same bits for every batch size and number of threads")
  func batches() throws {
    let whole = try tokens(tinyDecoder(), batchSize: 100)
    #expect(whole.enumerated().allSatisfy { $1.count == 3 + $0 % 9 && $1.last?.finish == .maximumTokens })
    for batchSize in [1, 2, 3, 8, 17, 60] {
      #expect(try tokens(tinyDecoder(), batchSize: batchSize) == whole, "\(batchSize)")
    }
    for threads in 1...3 {
      #expect(try tokens(tinyDecoder(on: Device(threads: threads)), batchSize: 5) == whole, "\(threads) threads")
    }
  }

  @Test("Log-probabilities are those of the model's own distribution, whatever the way of sampling")
  func logProbabilities() throws {
    let decoder = tinyDecoder()
    let requests = try requests(Sampling(temperature: 0.5, topK: 9, topP: 0.9, repetitionPenalty: 1.3))
    for isRepeatable in [true, false] {
      let session = PlainDecodingSession(decoder, batchSize: 4, isRepeatable: isRepeatable)
      for (request, tokens) in zip(requests, try session.tokens(of: requests)) {
        #expect(tokens.count == request.maximumTokens)
        var ids = request.ids
        for token in tokens {
          let logits = decoder.lastLogits(ids).map(Double.init)
          let expected = log(DoubleReference.softmax(logits)[Int(token.id)])
          #expect(abs(Double(token.logProbability) - expected) < 1e-4)
          ids.append(token.id)
        }
      }
    }
  }

  @Test("Tokens are drawn as the distribution has them")
  func distribution() throws {
    let decoder = tinyDecoder(vocabularySize: 12, seed: 3)
    let draws = 4000
    let requests = (0..<draws).map {
      DecodingRequest(ids: [3, 5], generator: SeededGenerator(seed: 1, stream: 0, $0), maximumTokens: 1)
    }
    var counts = [Int](repeating: 0, count: 12)
    for tokens in try PlainDecodingSession(decoder, batchSize: 500).tokens(of: requests) {
      counts[Int(tokens[0].id)] += 1
    }
    let expected = DoubleReference.softmax(decoder.lastLogits([3, 5]).map(Double.init)).map { $0 * Double(draws) }
    let square = zip(counts, expected).map { (Double($0) - $1) * (Double($0) - $1) / $1 }.reduce(0, +)
    // the 99.9th percentile of chi-square with 11 degrees of freedom
    #expect(square < 31.26, "\(counts), expected \(expected)")
  }

  @Test("Streams of one seed are independent, in their order")
  func streams() {
    let first = (0..<4).flatMap { a in
      (0..<4).map { b -> UInt64 in
        var generator = SeededGenerator(seed: 1, stream: a, b)
        return generator.next()
      }
    }
    #expect(Set(first).count == 16)
    #expect(SeededGenerator(seed: 1, stream: 2, 3) == SeededGenerator(seed: 1, stream: 2, 3))
    #expect(SeededGenerator(seed: 1, stream: 2, 3) != SeededGenerator(seed: 2, stream: 2, 3))
  }
}
