import Diagnostics
import Foundation
import TensorCore
import Testing

@testable import TextGeneration

@Suite("Sampling")
struct SamplingTests {
  /// Every filter alone, and together.
  static let filters: [Sampling] = [
    Sampling(), Sampling(temperature: 0.5), Sampling(temperature: 3), .topK(1), .topK(3), .topK(1000), .topP(0.2),
    .topP(0.75, temperature: 1.3), .topP(1e-9), .minP(0.1), .minP(1), .minP(0.3, temperature: 2),
    Sampling(temperature: 0.8, topK: 6, topP: 0.9, minP: 0.05, repetitionPenalty: 1.3),
    Sampling(repetitionPenalty: 0.7), Sampling(topK: 4, topP: 0.6),
  ]

  @Test("Probabilities are those of the plain definitions", arguments: filters, [1, 2, 9, 16, 257, 3000])
  func reference(_ sampling: Sampling, count: Int) throws {
    var generator = SeededGenerator(seed: UInt64(count))
    for round in 0..<5 {
      let logits = (0..<count).map { _ in Float(generator.nextNormal() * 3) }
      let seen = Set((0..<min(count, 4)).map { Int32(($0 * 7 + round) % count) })
      let found = try sampling.probabilities(logits, seen: seen)
      let expected = twinProbabilities(logits.map(Double.init), sampling, seen: seen)
      #expect(found.map { $0 > 0 } == expected.map { Float($0) > 0 })
      for (found, expected) in zip(found, expected) { #expect(abs(Double(found) - expected) < 2e-6) }
    }
  }

  @Test("Tokens are drawn with their probabilities (chi-square)", arguments: filters)
  func distribution(_ sampling: Sampling) throws {
    let logits: [Float] = [1.2, -0.3, 0.9, 2, -.infinity, 0.9, -2, 0.1]
    let seen: Set<Int32> = [1, 3]
    let expected = twinProbabilities(logits.map(Double.init), sampling, seen: seen)
    let draws = 20_000
    var counts = [Int](repeating: 0, count: logits.count)
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<draws { counts[Int(try sampling.nextToken(logits, seen: seen, using: &generator))] += 1 }
    var chiSquare = 0.0
    for (count, probability) in zip(counts, expected) {
      if probability == 0 {
        #expect(count == 0)
      } else {
        let difference = Double(count) - probability * Double(draws)
        chiSquare += difference * difference / (probability * Double(draws))
      }
    }
    // the 99.99 % quantile with 6 degrees of freedom, the most there are
    #expect(chiSquare < 27.9)
  }

  @Test("Ties: top-k keeps those with the last, the nucleus prefers the smaller id")
  func ties() throws {
    let logits: [Float] = [0, 1, 1, 1, 0]
    #expect(try Sampling.topK(2).probabilities(logits).map { $0 > 0 } == [false, true, true, true, false])
    #expect(try Sampling.topP(0.5).probabilities(logits).map { $0 > 0 } == [false, true, true, false, false])
  }

  @Test("Temperature 0 takes the first of the most probable tokens, after the repetition penalty")
  func greedy() throws {
    var generator = SeededGenerator(seed: 1)
    #expect(try Sampling.greedy.nextToken([0, 3, 1, 3], using: &generator) == 1)
    #expect(generator == SeededGenerator(seed: 1))
    #expect(try Sampling.greedy.probabilities([0, 3, 1, 3]) == [0, 1, 0, 0])
    let penalized = Sampling(temperature: 0, repetitionPenalty: 2)
    #expect(try penalized.nextToken([0, 3, 1, 2.9], seen: [1], using: &generator) == 3)
    #expect(try penalized.nextToken([-2, -1.5], seen: [1], using: &generator) == 0)
    #expect(try penalized.probabilities([0, 3, 1, 2.9], seen: [1]) == [0, 0, 0, 1])
  }

  @Test("A very low temperature is greedy, a very high one uniform")
  func limits() throws {
    let logits: [Float] = [-80, 3, 2.999, -.infinity]
    let cold = try Sampling(temperature: Temperature.least).probabilities(logits)
    #expect(cold == [0, 1, 0, 0])
    let hot = try Sampling(temperature: 1e30).probabilities(logits)
    for (found, expected) in zip(hot, [1.0 / 3, 1.0 / 3, 1.0 / 3, 0]) {
      #expect(abs(Double(found) - expected) < 1e-6)
    }
  }

  @Test("Huge and infinitely low logits are legal")
  func extremes() throws {
    #expect(try Sampling().probabilities([3e38, -3e38, -.infinity]) == [1, 0, 0])
    #expect(try Sampling(topK: 2, topP: 0.5, minP: 0.1).probabilities([-.infinity, -5, -.infinity]) == [0, 1, 0])
  }

  @Test("A row whose largest logit is NaN or infinite is refused", arguments: [Sampling(), .greedy, .topK(2)])
  func notFinite(_ sampling: Sampling) throws {
    for logits: [Float] in [[1, .nan, 2], [1, .infinity, 2], [-.infinity, -.infinity]] {
      var generator = SeededGenerator(seed: 1)
      #expect {
        _ = try sampling.nextToken(logits, using: &generator)
      } throws: { error in
        guard case .logitsNotFinite(let largest) = error as? GenerationError else { return false }
        return !largest.isFinite
      }
      #expect(throws: GenerationError.self) { try sampling.probabilities(logits) }
    }
  }

  @Test("The same seed draws the same tokens, another seed others")
  func seeds() throws {
    func tokens(_ seed: UInt64) throws -> [Int32] {
      var generator = SeededGenerator(seed: seed)
      let logits = (0..<50).map { Float($0 % 7) }
      return try (0..<40).map { _ in try Sampling().nextToken(logits, using: &generator) }
    }
    #expect(try tokens(3) == tokens(3))
    #expect(try tokens(3) != tokens(4))
  }

  static let invalid: [(Sampling, GenerationError)] = [
    (
      Sampling(temperature: -1),
      .value(InvalidValue("temperature", expected: "0 (greedy), or a finite number of at least 1e-06", found: "-1.0"))
    ),
    (
      Sampling(temperature: .nan),
      .value(InvalidValue("temperature", expected: "0 (greedy), or a finite number of at least 1e-06", found: "nan"))
    ),
    (
      Sampling(temperature: 0, topK: -1),
      .value(InvalidValue("top-k", expected: "0 (all tokens), or a number of tokens", found: "-1"))
    ),
    (.topP(0), .value(InvalidValue("top-p", expected: "a number above 0 and at most 1", found: "0.0"))),
    (.topP(1.5), .value(InvalidValue("top-p", expected: "a number above 0 and at most 1", found: "1.5"))),
    (.minP(-0.1), .value(InvalidValue("min-p", expected: "a number from 0 to 1", found: "-0.1"))),
    (Sampling(repetitionPenalty: 0), repetition("0.0")), (Sampling(repetitionPenalty: .nan), repetition("nan")),
    // 0 and infinite in float32
    (Sampling(repetitionPenalty: 1e-300), repetition("1e-300")),
    (Sampling(repetitionPenalty: 1e300), repetition("1e+300")),
  ]

  private static func repetition(_ found: String) -> GenerationError {
    .value(InvalidValue("repetition-penalty", expected: "a number from 1e-06 to 1000000.0", found: found))
  }

  @Test("Values that cannot be are refused by name", arguments: invalid)
  func validation(_ sampling: Sampling, _ expected: GenerationError) {
    var generator = SeededGenerator(seed: 1)
    #expect(throws: expected) { try sampling.validate() }
    #expect(throws: expected) { try sampling.probabilities([1, 2]) }
    #expect(throws: expected) { try sampling.nextToken([1, 2], using: &generator) }
  }

  @Test("A way of sampling survives JSON")
  func codable() throws {
    let sampling = Sampling(temperature: 0.8, topK: 6, topP: 0.9, minP: 0.05, repetitionPenalty: 1.3)
    #expect(try JSONDecoder().decode(Sampling.self, from: JSONEncoder().encode(sampling)) == sampling)
  }

  @Test("A processor of one's own has its place in the list")
  func ownProcessor() throws {
    let logits: [Float] = [0.5, 2, 1, 3]
    func probabilities(_ processors: [any LogitsProcessor]) throws -> [Float] {
      var row = logits
      var span = row.mutableSpan
      try TokenSampler(processors).probabilities(&span, history: TokenHistory([0, 3]))
      return row
    }
    #expect(try probabilities([LastTokenBan(), TopK(2)]).map { $0 > 0 } == [false, true, true, false])
    #expect(try probabilities([TopK(2), LastTokenBan()]).map { $0 > 0 } == [false, true, false, false])
    #expect(TokenSampler([LastTokenBan()]).usesHistory)
    #expect(try !Sampling(temperature: 0.8, topK: 6, topP: 0.9, minP: 0.05).sampler().usesHistory)
  }
}
