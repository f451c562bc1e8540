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
  ])
  func numbersMustMakeSense(scaling: RotaryScaling) {
    var configuration = DecoderConfiguration(
      vocabularySize: 16, hiddenSize: 8, feedForwardSize: 8, layerCount: 1, headCount: 1)
    #expect(throws: Never.self) { try configuration.check() }
    configuration.attention[0].rotary?.scaling = scaling
    let error = #expect(throws: (any Error).self) { try configuration.check() }
    #expect("\(String(describing: error))".contains("rotary.scaling"))
  }
}
