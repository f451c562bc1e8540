import Foundation
import LanguageModels
import Testing

@Suite struct RotaryScalingTests {
  private func frequencies(_ scaling: RotaryScaling) -> [Double] {
    RotaryPositions(base: 10_000, scaling: scaling).frequencies(headSize: 16)
  }

  @Test func withoutScalingTheyArePowersOfTheBase() {
    #expect(frequencies(.none) == (0..<8).map { pow(10_000, -2 * Double($0) / 16) })
  }

  @Test func linearScalingDividesAll() {
    #expect(frequencies(.linear(factor: 4)) == frequencies(.none).map { $0 / 4 })
  }

  /// Wavelengths of 6.3, 19.9, 62.8 and 199 tokens and more, in an original context of 100.
  @Test func thatOfLlama3KeepsHighFrequenciesAndLowersLowOnes() {
    let plain = frequencies(.none)
    let scaled = frequencies(
      .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 100))
    #expect(scaled[..<2] == plain[..<2])
    #expect(scaled[3...] == plain[3...].map { $0 / 8 }[...])
    let share = (100 / (2 * Double.pi / plain[2]) - 1) / 3
    #expect(abs(scaled[2] / ((1 - share) * plain[2] / 8 + share * plain[2]) - 1) < 1e-15)
  }

  @Test(arguments: [
    RotaryScaling.linear(factor: 0.5), .linear(factor: .nan), .linear(factor: .infinity),
    .llama3(factor: 8, lowFrequencyFactor: 4, highFrequencyFactor: 4, originalContextLength: 64),
    .llama3(factor: 8, lowFrequencyFactor: 0, highFrequencyFactor: 4, originalContextLength: 64),
    .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 0),
    .llama3(factor: 0, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 64),
    .longRope(shortFactors: [1, 1, 1], longFactors: [1, 1, 1, 1], originalContextLength: 64, amplitude: 1),
    .longRope(shortFactors: [1, 1, 1, 1], longFactors: [1, 1, 1, 0], originalContextLength: 64, amplitude: 1),
    .longRope(shortFactors: [1, 1, .nan, 1], longFactors: [1, 1, 1, 1], originalContextLength: 64, amplitude: 1),
    .longRope(shortFactors: [1, 1, 1, 1], longFactors: [1, 1, 1, 1], originalContextLength: 0, amplitude: 1),
    .longRope(shortFactors: [1, 1, 1, 1], longFactors: [1, 1, 1, 1], originalContextLength: 64, amplitude: 0),
  ])
  func numbersMustMakeSense(scaling: RotaryScaling) {
    var configuration = DecoderConfiguration(
      vocabularySize: 16, hiddenSize: 8, feedForwardSize: 8, layerCount: 1, headCount: 1)
    #expect(throws: Never.self) { try configuration.check() }
    configuration.attention[0].rotary?.scaling = scaling
    let error = #expect(throws: (any Error).self) { try configuration.check() }
    #expect("\(String(describing: error))".contains("rotary.scaling"))
  }

  @Test func eachFrequencyOfLongRopeHasAFactorOfItsOwn() {
    let rotary = RotaryPositions(
      scaling: .longRope(
        shortFactors: [1, 2, 3], longFactors: [4, 5, 8], originalContextLength: 100, amplitude: 1.5),
      rotatedShare: 0.75)
    let plain = (0..<3).map { pow(10_000, -2 * Double($0) / 6) }
    #expect(rotary.rotatedSize(headSize: 8) == 6)
    for length in [0, 100] {
      #expect(rotary.frequencies(headSize: 8, length: length) == [plain[0], plain[1] / 2, plain[2] / 3])
    }
    #expect(rotary.frequencies(headSize: 8, length: 101) == [plain[0] / 4, plain[1] / 5, plain[2] / 8])
  }

  /// Phi-3.5-mini: a context of 131,072 for one of 4,096 gives 1.19023807…
  @Test func theAmplitudeGrowsWithTheContext() {
    let amplitude = RotaryScaling.amplitude(contextLength: 131_072, originalContextLength: 4_096)
    #expect(abs(amplitude - (1 + log(32) / log(4_096)).squareRoot()) < 1e-15)
    #expect(abs(amplitude - 1.190_238_071) < 1e-9)
    #expect(RotaryScaling.amplitude(contextLength: 4_096, originalContextLength: 4_096) == 1)
  }

  @Test(arguments: [(-0.1, 8), (1.1, 8), (.nan, 8), (0.5, 6), (0.9, 8)])
  func theShareMustGivePairs(share: Double, headSize: Int) {
    var configuration = DecoderConfiguration(
      vocabularySize: 16, hiddenSize: 8, feedForwardSize: 8, layerCount: 1, headCount: 1, headSize: headSize)
    configuration.attention[0].rotary?.rotatedShare = share
    let error = #expect(throws: (any Error).self) { try configuration.check() }
    #expect("\(String(describing: error))".contains("rotary.rotatedShare"))
  }

  @Test func numbersOfTheArithmeticMustMakeSense() throws {
    let plain = DecoderConfiguration(
      vocabularySize: 16, hiddenSize: 8, feedForwardSize: 8, layerCount: 1, headCount: 1)
    for number in [0, -1, Float.nan, .infinity, .leastNonzeroMagnitude] {
      let wrong: [(key: String, change: (inout DecoderConfiguration) -> Void)] = [
        ("attentionScale", { $0.attentionScale = number }), ("attentionCap", { $0.attentionCap = number }),
        ("logitCap", { $0.logitCap = number }), ("embeddingScale", { $0.embeddingScale = .factor(number) }),
        ("residualScale", { $0.residualScale = number }), ("logitScale", { $0.logitScale = number }),
      ]
      for (key, change) in wrong {
        var configuration = plain
        change(&configuration)
        let error = #expect(throws: (any Error).self) { try configuration.check() }
        #expect("\(String(describing: error))".contains(key))
      }
    }
    var configuration = plain
    configuration.attention[0].window = 0
    let error = #expect(throws: (any Error).self) { try configuration.check() }
    #expect("\(String(describing: error))".contains("window"))
  }
}
