import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import TextGeneration

@Suite("Sequence sampler")
struct SequenceSamplerTests {
  /// Starts of 1 to 52 tokens.
  private static let starts = (0..<61).map { index in
    SequenceStart(
      ids: (0...(index * 7 % 52)).map { Int32(($0 * 31 + index) % 320) },
      generator: SeededGenerator(seed: 5, stream: index))
  }

  private func tokens(
    _ decoder: TransformerDecoder, batchSize: Int, sampling: Sampling = Sampling(temperature: 0.8)
  ) throws -> [[SampledToken]] {
    var tokens = [[SampledToken]](repeating: [], count: Self.starts.count)
    try SequenceSampler(decoder, choices: 300).sample(
      after: Self.starts, sampling: sampling, batchSize: batchSize
    ) { token in
      var timeless = token
      (timeless.seconds, timeless.startSeconds) = (0, 0)
      tokens[token.sequence].append(timeless)
      // lengths that differ, so that batches are refilled one by one
      return tokens[token.sequence].count >= 3 + token.sequence % 9 ? .end : .proceed
    }
    return tokens
  }

  @Test("Tokens and log-probabilities have the same bits for every batch size and number of threads")
  func batches() throws {
    let whole = try tokens(tinyDecoder(), batchSize: 100)
    #expect(whole.enumerated().allSatisfy { $1.count == 3 + $0 % 9 })
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
    let sampling = Sampling(temperature: 0.5, topK: 9, topP: 0.9, repetitionPenalty: 1.3)
    let found = try tokens(decoder, batchSize: 4, sampling: sampling)
    for (start, tokens) in zip(Self.starts, found) {
      var ids = start.ids
      for token in tokens {
        let logits = decoder.lastLogits(ids).prefix(300).map(Double.init)
        let expected = log(DoubleTwin.softmax(logits)[Int(token.id)])
        #expect(abs(Double(token.logProbability) - expected) < 1e-4)
        #expect(token.id < 300)
        ids.append(token.id)
      }
    }
  }

  @Test("Tokens are drawn as the distribution has them")
  func distribution() throws {
    let decoder = tinyDecoder(vocabularySize: 12, seed: 3)
    let draws = 4000
    let starts = (0..<draws).map { SequenceStart(ids: [3, 5], generator: SeededGenerator(seed: 1, stream: 0, $0)) }
    var counts = [Int](repeating: 0, count: 12)
    try SequenceSampler(decoder).sample(after: starts, batchSize: 500) { token in
      counts[Int(token.id)] += 1
      return .end
    }
    let expected = DoubleTwin.softmax(decoder.lastLogits([3, 5]).map(Double.init)).map { $0 * Double(draws) }
    let square = zip(counts, expected).map { (Double($0) - $1) * (Double($0) - $1) / $1 }.reduce(0, +)
    // the 99.9th percentile of chi-square with 11 degrees of freedom
    #expect(square < 31.26, "\(counts), expected \(expected)")
  }

  @Test("All sequences can be ended at once")
  func cancelling() throws {
    var count = 0
    try SequenceSampler(tinyDecoder()).sample(after: Self.starts, batchSize: 4) { _ in
      count += 1
      return count == 6 ? .cancel : .proceed
    }
    #expect(count == 6)
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
