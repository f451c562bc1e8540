import Foundation
import LanguageModels
import ModelFiles
import TensorCore
import TestSupport
import Testing

@testable import ModelTraining

@Suite struct CrossEntropyTests {
  private func gradient(_ logits: [Float], target: Int, scale: Double) -> (value: Double, gradient: [Float]) {
    var row = logits
    var span = row.mutableSpan
    let value = CrossEntropyObjective.replaceByGradient(&span, target: target, scale: scale)
    return (value, row)
  }

  static let rows: [[Float]] = [
    (0..<37).map { 3 * sin(0.9 * Float($0) + 0.3) },
    (0..<1000).map { 9 * cos(0.7 * Float($0)) + 500 },
    (0..<19).map { $0 == 4 ? 40 : Float($0) / 3 },
    (0..<23).map { $0 % 3 == 0 ? -.infinity : Float($0) / 5 },
    (0..<9).map { Float($0 % 2) * 20_000 - 10_000 },
  ]

  @Test(arguments: rows, [1, 4])
  func valueAndGradientOfARow(_ logits: [Float], _ target: Int) {
    let log = DoubleReference.logSoftmax(logits.map(Double.init))
    let scale = 1.0 / 4096
    let (value, gradient) = gradient(logits, target: target, scale: scale)
    #expect(abs(value + log[target]) <= 2e-7 * max(1, abs(log[target])))
    for index in logits.indices {
      let expected = scale * (index == target ? expm1(log[index]) : exp(log[index]))
      // exp makes a relative error of the rounding of log q; the target also has that of log Σ exp
      let relative = 2e-7 * (8 - max(-200, log[index]))
      let tolerance = relative * abs(expected) + (index == target ? 1e-7 * scale : 1e-37)
      #expect(abs(Double(gradient[index]) - expected) <= tolerance, "index \(index)")
    }
  }

  @Test func aTargetThatIsImpossibleIsInfinitelyBad() {
    let (value, gradient) = gradient([0, -.infinity, 1], target: 1, scale: 1)
    #expect(value == .infinity)
    #expect(gradient.allSatisfy { $0.isFinite })
    #expect(gradient[1] == -1)
  }

  @Test func aBatchWithoutCountedTokensDoesNothing() throws {
    let model = Small.model()
    let batch = TokenBatch(ids: [1, 2, 3, 4], targets: [-1, -1, -1, -1], batchSize: 2)
    #expect(CrossEntropyObjective().accumulateGradients(of: model, on: batch, at: .only, scale: 1) == .zero)
    #expect(CrossEntropyObjective().measure(model, on: batch, at: .only) == .zero)
    #expect(try #require(model.parameters.gradients).array().allSatisfy { $0 == 0 })
  }

  @Test(arguments: ModelFixture.trained)
  func gradientsAreThoseOfPyTorch(_ name: String) throws {
    let fixture = try ModelFixture(name)
    let model = try TransformerDecoder(contentsOf: fixture.folder, device: Device(threads: 1))
    let expected = fixture.expected
    let batch = TokenBatch(ids: expected.flatIDs, targets: expected.targets, batchSize: expected.batchSize)
    let count = Double(expected.countedTokens)
    let sums = CrossEntropyObjective().accumulateGradients(of: model, on: batch, at: .only, scale: 1 / count)
    #expect(sums.tokens == expected.countedTokens)
    #expect(sums.terms == LossTerms())
    let loss = try #require(expected.loss)
    #expect(abs(sums.loss / count - loss) < 1e-5 * loss)
    #expect(sums.loss == sums.crossEntropy)
    let measured = CrossEntropyObjective().measure(model.frozen(), on: batch, at: .only)
    #expect(abs(measured.loss - sums.loss) < 1e-6 * sums.loss)
    for weight in try model.namedWeights {
      let gradient = try #require(weight.parameter.gradient).array()
      #expect(relativeError(gradient, try fixture.doubles("grad.", of: weight)) < 1e-4, "\(weight.name)")
    }
  }

  @Test func sumsAdd() {
    let term = LossTerm("distance", title: "Distance", note: "")
    var sums = LossSums(tokens: 2, loss: 1, crossEntropy: 3)
    func terms(_ value: Double) -> LossTerms { LossTerms([(term, value)]) }
    sums += LossSums(tokens: 3, loss: 4, crossEntropy: 7, terms: terms(5))
    sums += LossSums(tokens: 0, loss: 0, crossEntropy: 0)
    #expect(sums == LossSums(tokens: 5, loss: 5, crossEntropy: 10, terms: terms(5)))
    #expect(sums.perToken == LossSums(tokens: 5, loss: 1, crossEntropy: 2, terms: terms(1)))
    #expect(LossSums.zero.perToken == .zero)
  }
}
