import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

@Suite struct AdamWTests {
  @Test func updatesFollowTheFormulas() throws {
    let store = ParameterStore(on: Device(threads: 2))
    _ = store.root.parameter("matrix", [2, 3], .normal(standardDeviation: 1), decays: true)
    _ = store.root.parameter("gain", [3], .constant(1), decays: false)
    var generator = SeededGenerator(seed: 1)
    store.initialize(using: &generator)
    let (values, gradients) = (try #require(store.values), try #require(store.gradients))
    var (p, m, v) = (
      values.array().map(Double.init), [Double](repeating: 0, count: 9), [Double](repeating: 0, count: 9)
    )
    let optimizer = AdamW(store, beta1: 0.8, beta2: 0.9, epsilon: 1e-3, weightDecay: 0.25)
    for step in 1...7 {
      let gradient = (0..<9).map { _ in Float(generator.nextNormal()) }
      gradients.withMutableSpan { span in
        for index in span.indices { span[index] = gradient[index] }
      }
      let rate = 0.1 / Double(step)
      optimizer.update(learningRate: rate, gradientScale: 0.5)
      for index in 0..<9 {
        let g = 0.5 * Double(gradient[index])
        m[index] = 0.8 * m[index] + 0.2 * g
        v[index] = 0.9 * v[index] + 0.1 * g * g
        p[index] -= index < 6 ? rate * 0.25 * p[index] : 0
        let (mean, square) = (m[index] / (1 - pow(0.8, Double(step))), v[index] / (1 - pow(0.9, Double(step))))
        p[index] -= rate * mean / (square.squareRoot() + 1e-3)
      }
      #expect(relativeError(values.array(), p) < 2e-6, "step \(step)")
    }
    #expect(optimizer.updates == 7)
  }

  @Test func clippingIsThatOfPyTorch() {
    #expect(AdamW.clippingFactor(norm: 4, limit: 1) == 1 / 4.000001)
    #expect(AdamW.clippingFactor(norm: 0.5, limit: 1) == 1)
    #expect(AdamW.clippingFactor(norm: 1, limit: 1) == 1 / 1.000001)
    #expect(AdamW.clippingFactor(norm: 0, limit: 1) == 1)
    #expect(AdamW.clippingFactor(norm: 100, limit: 0) == 1)
  }

  /// Ten steps of the whole trainer against ten steps of PyTorch: Tests/Fixtures/make_llama_fixtures.py.
  @Test(arguments: ModelFixture.trained, MatrixBackendKind.available)
  func tenStepsAreThoseOfPyTorch(_ name: String, kind: MatrixBackendKind) throws {
    let fixture = try ModelFixture(name)
    let expected = fixture.expected
    let (losses, norms) = (try #require(expected.adamwLosses), try #require(expected.adamwGradientNorms))
    let model = try TransformerDecoder(
      contentsOf: fixture.folder, device: Device(threads: 1, backend: kind))
    let decayed = Set(try #require(expected.adamwDecayedParameters))
    for weight in try model.namedWeights {
      #expect(weight.parameter.decays == decayed.contains(weight.name), "\(weight.name)")
    }

    // Rows one after another are one text, in which the first token of each row is no target.
    let counted: [Bool] = expected.labels.flatMap { labels in [false] + labels.dropFirst().map { $0 >= 0 } }
    let text = try PackedSequences(
      TokenArray(expected.flatIDs + [0], counted: counted + [false]), sequenceLength: expected.ids[0].count, name: name)
    let recipe = TrainingRecipe(
      steps: 10, batchSize: expected.batchSize, sequenceLength: expected.ids[0].count,
      learningRate: try #require(expected.adamwLearningRate), decay: .constant,
      weightDecay: try #require(expected.adamwWeightDecay))
    let trainer = try Trainer(model: model, objective: CrossEntropyObjective(), data: text, recipe: recipe)
    var steps: [TrainingStep] = []
    try trainer.run { event in
      if case .step(let step) = event { steps.append(step) }
      return .continue
    }
    #expect(steps.map(\.countedTokens) == Array(repeating: expected.countedTokens, count: 10))
    let batch = TokenBatch(ids: expected.flatIDs, targets: expected.targets, batchSize: expected.batchSize)
    let last = CrossEntropyObjective().measure(model, on: batch, at: .only).perToken.loss
    #expect(losses.count == 11)
    for (loss, expected) in zip(steps.map(\.loss) + [last], losses) {
      #expect(abs(loss - expected) < 1e-4 * expected)
    }
    for (step, expected) in zip(steps, norms) {
      #expect(abs(step.gradientNorm - expected) < 1e-4 * expected)
    }
  }
}
