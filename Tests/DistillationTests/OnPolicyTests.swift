import Foundation
import LanguageModels
import ModelFiles
import TensorCore
import TestSupport
import Testing
import TextGeneration

@testable import Distillation
@testable import ModelTraining

@Suite("On-policy distillation")
struct OnPolicyTests {
  private static let vocabulary = 20
  private static let recipe = TrainingRecipe(
    steps: 6, batchSize: 4, sequenceLength: 12, learningRate: 0.02, weightDecay: 0, seed: 3)

  private func decoder(width: Int, seed: UInt64, on device: Device = .shared) -> TransformerDecoder {
    TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: Self.vocabulary, hiddenSize: width, feedForwardSize: 2 * width, layerCount: 1, headCount: 2,
        contextLength: 32, tiesEmbeddings: true, initializerRange: 0.3),
      seed: seed, device: device)
  }

  private func base(on device: Device = .shared) -> LiveTeacherObjective {
    LiveTeacherObjective(
      teacher: decoder(width: 16, seed: 1, on: device).frozen(),
      objective: DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.25))
  }

  private func onPolicy(
    _ base: LiveTeacherObjective, _ probability: Double, prompts: OnPolicyPrompts = .beginnings(length: 4),
    completionLength: Int = 8, sampler: TokenSampler = TokenSampler(), endIDs: Set<Int32> = [2]
  ) -> OnPolicyObjective {
    OnPolicyObjective(
      base,
      OnPolicySteps(
        probability: probability, prompts: prompts, completionLength: completionLength, sampler: sampler,
        endIDs: endIDs),
      contextLength: 32)
  }

  private func text() throws -> PackedSequences {
    var generator = SeededGenerator(seed: 4)
    let ids = (0..<400).map { _ in Int32.random(in: 0..<Int32(Self.vocabulary), using: &generator) }
    return try PackedSequences(TokenArray(ids), sequenceLength: 12, name: "text")
  }

  /// The student's weights after a run, as bits, and the losses of its steps.
  private func run(
    _ objective: any TrainingObjective, on device: Device = .shared, micro: Int? = nil
  ) throws -> (weights: [UInt32], losses: [Double]) {
    let student = decoder(width: 8, seed: 2, on: device)
    var recipe = Self.recipe
    recipe.microBatchSize = micro
    var losses: [Double] = []
    try Trainer(model: student, objective: objective, data: text(), recipe: recipe).run { event in
      if case .step(let step) = event { losses.append(step.loss) }
      return .continue
    }
    return (student.parameters.parameters.flatMap { $0.value.array().map(\.bitPattern) }, losses)
  }

  private func position(_ step: Int, firstSequence: Int = 0) -> StepPosition {
    StepPosition(step: step, totalSteps: 10_000, firstSequence: firstSequence, seed: 3)
  }

  @Test("At probability 0 every bit is that of the run without it, at 1 it is not")
  func off() throws {
    let plain = try run(base())
    #expect(try run(onPolicy(base(), 0)).weights == plain.weights)
    #expect(try run(onPolicy(base(), 1)).weights != plain.weights)
  }

  @Test("A continuation draws what the whole run draws, and not the numbers of the run before it again")
  func continuations() throws {
    let objective = onPolicy(base(), 0.5)
    let later = StepPosition(step: 2, totalSteps: 3, stepsBefore: 9, seed: 3)
    let (batch, student) = (try text().batch([0, 1]), decoder(width: 8, seed: 2))
    let always = onPolicy(base(), 1)
    let ids = try always.batch(inPlaceOf: batch, for: student, at: later).ids
    #expect(try ids == always.batch(inPlaceOf: batch, for: student, at: position(11)).ids)
    #expect(try ids != always.batch(inPlaceOf: batch, for: student, at: position(2)).ids)

    let folder = try TemporaryFolder()
    func run(_ name: String, steps: Int, _ continued: RunContinuation? = nil) throws -> [UInt32] {
      var recipe = Self.recipe
      (recipe.steps, recipe.decay, recipe.warmupSteps) = (steps, .constant, 0)
      let student = try continued.map { try TransformerDecoder(contentsOf: $0.model) } ?? decoder(width: 8, seed: 2)
      let run = try RunFolder(
        creating: folder.file(name), manifest: RunManifest(version: "0", inputs: [:], parameters: [:]), recipe: "")
      try Trainer(
        model: student, objective: objective, data: text(), recipe: recipe, folder: run, continuing: continued
      ).run()
      return student.parameters.parameters.flatMap { $0.value.array().map(\.bitPattern) }
    }
    let whole = try run("whole", steps: 7)
    _ = try run("first", steps: 3)
    _ = try run("second", steps: 2, RunContinuation(ofRun: folder.file("first")))
    #expect(try run("third", steps: 2, RunContinuation(ofRun: folder.file("second"))) == whole)
  }

  @Test("The gradient is that of the objective within on the tokens that were sampled, divided by their number")
  func gradient() throws {
    let objective = onPolicy(base(), 1)
    let (student, other) = (decoder(width: 8, seed: 2), decoder(width: 8, seed: 2))
    var one = Self.recipe
    one.steps = 1
    try Trainer(model: student, objective: objective, data: text(), recipe: one).run()

    var order = SequenceOrder(of: try text(), seed: one.seed)
    let batch = try text().batch((0..<4).map { order.place(at: $0) })
    let position = StepPosition(step: 1, totalSteps: 1, seed: one.seed)
    let sampled = try objective.batch(inPlaceOf: batch, for: other, at: position)
    // a prompt of 4, then completions, counted from the first of their tokens
    for sequence in 0..<4 {
      let (ids, targets) = (sampled.ids[row: sequence, of: 4], sampled.targets[row: sequence, of: 4])
      #expect(ids.prefix(4) == batch.ids[row: sequence, of: 4].prefix(4))
      #expect(targets.prefix(3).allSatisfy { $0 == -1 })
      let completion = targets.dropFirst(3).prefix { $0 >= 0 }
      #expect(completion.count == 8 || completion.last == 2)
      #expect(Array(ids.dropFirst(4).prefix(completion.count - 1)) == Array(completion.dropLast()))
      #expect(targets.dropFirst(3 + completion.count).allSatisfy { $0 == -1 })
    }
    let optimizer = AdamW(other.parameters, weightDecay: 0)
    other.parameters.zeroGradients()
    let scale = 1 / Double(sampled.countedTokens)
    _ = base().accumulateGradients(of: other, on: sampled, at: position, scale: scale)
    let norm = other.parameters.gradientSquareSum().squareRoot()
    optimizer.update(learningRate: 0.02, gradientScale: AdamW.clippingFactor(norm: norm, limit: 1))
    for (found, expected) in zip(student.parameters.parameters, other.parameters.parameters) {
      #expect(found.value.array() == expected.value.array(), "\(found.name)")
    }
  }

  @Test("Sampled tokens follow the student's distribution", arguments: [1, 0.7])
  func distribution(temperature: Double) throws {
    let student = decoder(width: 8, seed: 2)
    let prompt: [Int32] = [3, 5, 7]
    let objective = try onPolicy(
      base(), 1, prompts: .prompts([prompt]), completionLength: 1,
      sampler: Sampling(temperature: temperature).sampler())
    let filler = TokenBatch(ids: [0], targets: [1], batchSize: 1)
    let draws = 4000
    var counts = [Int](repeating: 0, count: Self.vocabulary)
    for step in 1...draws {
      let targets = try objective.batch(inPlaceOf: filler, for: student, at: position(step)).targets
      counts[Int(targets[2])] += 1
    }
    let frozen = student.frozen()
    let logits = frozen.logits(frozen.hiddenStates(prompt, batchSize: 1)).array().suffix(Self.vocabulary)
    let expected = DoubleReference.softmax(logits.map { Double($0) / temperature }).map { $0 * Double(draws) }
    let square = zip(counts, expected).map { (Double($0) - $1) * (Double($0) - $1) / $1 }.reduce(0, +)
    // the 99.9th percentile of chi-square with 19 degrees of freedom
    #expect(square < 43.82, "\(counts), expected \(expected)")
  }

  @Test("Runs have the same bits for every number of threads and every micro-batch's tokens")
  func repeatable() throws {
    let objective = onPolicy(base(), 0.5)
    let whole = try run(objective)
    for threads in 1...3 {
      let device = Device(threads: threads)
      #expect(try run(onPolicy(base(on: device), 0.5), on: device).weights == whole.weights, "\(threads) threads")
    }
    // gradients are summed in another order, so only nearly the same
    let split = try run(objective, micro: 2)
    for (found, expected) in zip(split.losses, whole.losses) { #expect(abs(found / expected - 1) < 1e-4) }
  }

  @Test("Micro-batches sample what the whole batch does; steps and seeds differ")
  func microBatches() throws {
    let student = decoder(width: 8, seed: 2)
    let objective = onPolicy(base(), 1, endIDs: [])
    let whole = try text().batch([0, 1, 2, 3])
    let sampled = try objective.batch(inPlaceOf: whole, for: student, at: position(5))
    let halves = try (0..<2).map { half in
      try objective.batch(
        inPlaceOf: text().batch([2 * half, 2 * half + 1]), for: student, at: position(5, firstSequence: 2 * half))
    }
    #expect(halves.flatMap(\.ids) == sampled.ids)
    #expect(try objective.batch(inPlaceOf: whole, for: student, at: position(6)).ids != sampled.ids)
  }

  @Test("So many steps are on-policy as the probability says, and their prompts are all drawn")
  func choice() throws {
    let student = decoder(width: 8, seed: 2)
    let objective = onPolicy(base(), 0.3, prompts: .prompts((3..<8).map { [1, $0] }), completionLength: 1)
    let filler = TokenBatch(ids: [0], targets: [1], batchSize: 1)
    let batches = try (1...1000).map { try objective.batch(inPlaceOf: filler, for: student, at: position($0)) }
    let sampled = batches.filter { $0 != filler }
    // five standard errors
    #expect(abs(Double(sampled.count) - 300) < 73)
    #expect(Set(sampled.map { $0.ids[1] }) == [3, 4, 5, 6, 7])
  }

  @Test("Weights of the objective within are trained, and a run it ties to its length is tied")
  func forwarding() {
    let inner = ObjectiveWithWeights(parameters: decoder(width: 8, seed: 1).parameters)
    let objective = OnPolicyObjective(
      inner, OnPolicySteps(probability: 0.5, prompts: .beginnings(length: 4), completionLength: 8), contextLength: 32)
    #expect(objective.parameters === inner.parameters && objective.dependsOnTotalSteps)
  }

  @Test("Completions end where the context does, and a student without a distribution is an error")
  func limits() throws {
    let student = decoder(width: 8, seed: 2)
    let objective = OnPolicyObjective(
      base(), OnPolicySteps(probability: 1, prompts: .prompts([[1, 2, 3]]), completionLength: 100), contextLength: 9)
    let filler = TokenBatch(ids: [0, 0], targets: [1, 1], batchSize: 2)
    let batch = try objective.batch(inPlaceOf: filler, for: student, at: position(1))
    #expect(batch.length == 9 && batch.countedTokens == 2 * 7)
    student.head.dense(on: student.device).withMutableSpan { $0[5] = .nan }
    let error = #expect(throws: TrainingError.self) {
      try objective.batch(inPlaceOf: filler, for: student, at: position(1))
    }
    #expect("\(try #require(error))".contains("step 1: the student's largest logit is nan"))
  }

  @Test func samplingIsGivenUpAtAStop() throws {
    let student = decoder(width: 8, seed: 2)
    let weights = student.parameters.values?.array()
    var parts = 0
    let summary = try Trainer(
      model: student, objective: onPolicy(base(), 1, endIDs: []), data: text(), recipe: Self.recipe
    ).run { event in
      guard case .computing(let progress) = event else { return .continue }
      #expect(progress.number == 1 && progress.sequencesDone == 0)
      parts += 1
      return parts == 4 ? .stop : .continue
    }
    #expect(parts == 4)
    #expect(summary.steps == 0)
    #expect(student.parameters.values?.array() == weights)
  }

  @Test func metricsMarkTheStepsThatSample() throws {
    let folder = try TemporaryFolder()
    let objective = onPolicy(base(), 0.5)
    var marks: [Bool] = []
    let summary = try Trainer(
      model: decoder(width: 8, seed: 2), objective: objective, data: text(), recipe: Self.recipe,
      folder: RunFolder(
        creating: folder.file("run"), manifest: RunManifest(version: "1", inputs: [:], parameters: [:]), recipe: "")
    ).run { event in
      if case .step(let step) = event { marks.append(step.isOnPolicy) }
      return .continue
    }
    #expect(Set(marks) == [true, false])
    let record = try #require(try RunRecord(ofRun: folder.file("run")))
    #expect(record.steps.map { $0.onPolicy } == marks.map { $0 ? true : nil })
    let lines = try String(contentsOf: folder.file("run/metrics.jsonl"), encoding: .utf8).split(separator: "\n")
    #expect(lines.map { $0.contains("\"on_policy\":true") } == marks)
    #expect(summary.lastStep?.step == marks.lastIndex(of: false).map { $0 + 1 })
  }
}

/// An objective with all that an objective may have.
private struct ObjectiveWithWeights: TrainingObjective {
  let parameters: ParameterStore?
  var dependsOnTotalSteps: Bool { true }

  func accumulateGradients(
    of model: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums { .zero }

  func measure(_ model: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums { .zero }
}

extension [Int32] {
  /// One of `count` equal parts.
  fileprivate subscript(row index: Int, of count: Int) -> [Int32] {
    let length = self.count / count
    return Array(self[index * length..<(index + 1) * length])
  }
}
