import Diagnostics
import Distillation
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

/// In which steps teachers are computed.
@Suite struct TeacherStepTests {
  private let device = Device(threads: 2)

  private func decoder(width: Int, layers: Int = 1, seed: UInt64, on device: Device? = nil) -> TransformerDecoder {
    TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: 37, hiddenSize: width, feedForwardSize: 2 * width, layerCount: layers, headCount: 2,
        contextLength: 16, tiesEmbeddings: false, initializerRange: 0.3),
      seed: seed, device: device ?? self.device)
  }

  private func text(_ seed: UInt64 = 4) throws -> PackedSequences {
    var generator = SeededGenerator(seed: seed)
    let ids = (0..<200).map { _ in Int32.random(in: 0..<37, using: &generator) }
    return try PackedSequences(TokenArray(ids), sequenceLength: 8, name: "text")
  }

  /// A teacher on a device of its own, of which a pass takes memory.
  private struct Watched {
    let decoder: FrozenDecoder
    private let before: Int

    init(_ decoder: TransformerDecoder) {
      self.decoder = decoder.frozen()
      before = decoder.device.peakBytes
    }

    var wasComputed: Bool { decoder.device.peakBytes > before }
  }

  private func watched(seed: UInt64 = 1) -> Watched {
    Watched(decoder(width: 64, layers: 2, seed: seed, on: Device(threads: 1)))
  }

  /// Whether a step of a run computes the teacher.
  private func isComputed(
    _ schedule: ScheduledObjective, step: Int, of total: Int, hiddenStates: HiddenStateTerms? = nil
  ) throws -> Bool {
    let (teacher, student) = (watched(), decoder(width: 8, seed: 3))
    let alignment = try hiddenStates.map {
      try HiddenStateAlignment(
        $0, teacher: teacher.decoder.configuration, student: student.configuration, seed: 1, on: device)
    }
    let objective = LiveTeacherObjective(teachers: [(teacher.decoder, 1)], schedule, alignment: alignment)
    let position = StepPosition(step: step, totalSteps: total)
    let sums = objective.accumulateGradients(
      of: student, on: try text().batch([0, 1]), at: position, scale: 0.1)
    #expect((sums.terms[.divergence] != nil) == teacher.wasComputed)
    return teacher.wasComputed
  }

  @Test func aTeacherOfWeightZeroIsNotComputed() throws {
    #expect(try isComputed(.forwardKL, step: 1, of: 2))
    #expect(try !isComputed(.init(.forwardKL, hardLabelWeight: 1), step: 1, of: 2))
    #expect(try !isComputed(.init(.reverseKL, temperature: 3, hardLabelWeight: 2, softLabelWeight: 0), step: 1, of: 2))
    #expect(try isComputed(.init(.forwardKL, hardLabelWeight: 1, logitsMSEWeight: 0.1), step: 1, of: 2))
    // by its schedule
    let falling = ScheduledObjective(.forwardKL, hardLabelWeight: .linear(from: 0, to: 1))
    #expect(try isComputed(falling, step: 2, of: 3) && !isComputed(falling, step: 3, of: 3))
    var mixed = ScheduledObjective.forwardKL
    mixed.divergences = [(.linear(from: 1, to: 0), .forwardKL)]
    #expect(try isComputed(mixed, step: 1, of: 2) && !isComputed(mixed, step: 2, of: 2))
  }

  @Test func hiddenStatesAskTheTeacherWhileTheyWeigh() throws {
    let hard = ScheduledObjective(.forwardKL, hardLabelWeight: 1)
    let terms = HiddenStateTerms(cosineWeight: .linear(from: 1, to: 0))
    #expect(try isComputed(hard, step: 1, of: 3, hiddenStates: terms))
    #expect(try !isComputed(hard, step: 3, of: 3, hiddenStates: terms))
    var limited = ScheduledObjective.forwardKL
    limited.distilledSteps = .first(.steps(1))
    #expect(try isComputed(limited, step: 1, of: 3, hiddenStates: .init(cosineWeight: 1)))
    #expect(try !isComputed(limited, step: 2, of: 3, hiddenStates: .init(cosineWeight: 1)))
  }

  @Test(arguments: [
    (DistilledSteps.first(.share(0.3)), [1, 2, 3]), (.last(.share(0.3)), [8, 9, 10]),
    (.first(.steps(4)), [1, 2, 3, 4]),
    (.last(.steps(1)), [10]), (.first(.share(0.001)), [1]), (.first(.steps(99)), Array(1...10)), (.all, Array(1...10)),
  ])
  func stepsWithATeacher(_ steps: DistilledSteps, expected: [Int]) throws {
    let found = (1...10).filter { steps.contains(StepPosition(step: $0, totalSteps: 10)) }
    #expect(found == expected)
    var schedule = ScheduledObjective.forwardKL
    schedule.distilledSteps = steps
    for step in [1, 5, 10] { #expect(try isComputed(schedule, step: step, of: 10) == expected.contains(step)) }
    let isFixed = [.all, .first(.steps(4)), .first(.steps(99))].contains(steps)
    #expect(schedule.dependsOnTotalSteps == !isFixed)
  }

  @Test func whetherEveryStepHasATeacher() {
    var schedule = ScheduledObjective.forwardKL
    #expect(schedule.asksTeacherAtEveryStep)
    schedule.distilledSteps = .first(.share(0.9))
    #expect(!schedule.asksTeacherAtEveryStep)
    #expect(!ScheduledObjective(.forwardKL, hardLabelWeight: .linear(from: 0, to: 1)).asksTeacherAtEveryStep)
    #expect(ScheduledObjective(.forwardKL, hardLabelWeight: 1, logitsMSEWeight: 1).asksTeacherAtEveryStep)
    #expect(!ScheduledObjective(.forwardKL, softLabelWeight: .linear(from: 0, to: 1)).asksTeacherAtEveryStep)
    schedule = .forwardKL
    schedule.divergences = [(.linear(from: 0, to: 1), .forwardKL), (.cosine(from: 1, to: 0), .reverseKL)]
    #expect(!schedule.asksTeacherAtEveryStep)
  }

  @Test func numbersOfStepsMustMakeSense() {
    let expected = "expected a number of steps from 1, or a share above 0% and up to 100%, found"
    let cases: [(DistilledSteps, String)] = [
      (.first(.steps(0)), "distil-first: \(expected) 0"), (.last(.share(1.5)), "distil-last: \(expected) 150%"),
      (.first(.share(.nan)), "distil-first: \(expected) nan%"), (.first(.share(0)), "distil-first: \(expected) 0%"),
    ]
    for (steps, message) in cases {
      var schedule = ScheduledObjective.forwardKL
      schedule.distilledSteps = steps
      let error = #expect(throws: InvalidValue.self) { try schedule.validate() }
      #expect(error?.description == message)
    }
    #expect("\(DistilledSteps.Count.share(0.07))" == "7%" && "\(DistilledSteps.Count.share(0.125))" == "12.5%")
  }

  private func run(
    _ objective: any TrainingObjective, steps: Int = 4, student: TransformerDecoder? = nil
  ) throws -> [UInt32] {
    let student = student ?? decoder(width: 8, seed: 3)
    let recipe = TrainingRecipe(steps: steps, batchSize: 4, microBatchSize: 2, sequenceLength: 8, learningRate: 0.01)
    try Trainer(model: student, objective: objective, data: text(), recipe: recipe).run()
    return try #require(student.parameters.values).array().map(\.bitPattern)
  }

  /// Steps without a teacher are those of a run that has none, to the bit; hidden states and samples stop with it.
  @Test func stepsWithoutATeacherAreThoseOfTraining() throws {
    let control = try run(CrossEntropyObjective())
    let hard = ScheduledObjective(.forwardKL, temperature: 2, hardLabelWeight: 1)
    #expect(try run(LiveTeacherObjective(teachers: [(decoder(width: 12, seed: 1), 1)], hard)) == control)

    // a teacher whose every probability is undefined does no harm where it is not asked
    let broken = decoder(width: 12, seed: 1)
    broken.head.dense(on: device).withMutableSpan { for index in $0.indices { $0[index] = .nan } }
    var last = ScheduledObjective.forwardKL
    last.distilledSteps = .last(.steps(1))
    let position = StepPosition(step: 3, totalSteps: 4)
    let student = decoder(width: 8, seed: 3)
    let live = LiveTeacherObjective(teachers: [(broken, 1)], last)
    let batch = try text().batch([0, 1])
    let sums = live.accumulateGradients(of: student, on: batch, at: position, scale: 0.1)
    #expect(sums.loss == sums.crossEntropy && sums.loss.isFinite && sums.terms[.divergence] == nil)
    #expect(live.accumulateGradients(of: student, on: batch, at: .only, scale: 0.1).loss.isNaN)
  }

  /// A weight of the cross-entropy other than 1 scales gradients and loss; all weights at 0 move nothing.
  @Test func theWeightOfTheTextAloneHolds() throws {
    let student = decoder(width: 8, seed: 3)
    let batch = try text().batch([0, 1])
    func found(_ weight: Schedule) throws -> (sums: LossSums, gradients: [Float]) {
      student.parameters.zeroGradients()
      let schedule = ScheduledObjective(.forwardKL, hardLabelWeight: weight, softLabelWeight: 0)
      let sums = LiveTeacherObjective(teachers: [(decoder(width: 12, seed: 1), 1)], schedule)
        .accumulateGradients(of: student, on: batch, at: .only, scale: 0.1)
      return (sums, try #require(student.parameters.gradients).array())
    }
    let (one, half, none) = (try found(1), try found(0.5), try found(0))
    #expect(half.sums.loss == 0.5 * one.sums.loss && half.sums.crossEntropy == one.sums.crossEntropy)
    #expect(half.gradients == one.gradients.map { $0 / 2 } && one.gradients.contains { $0 != 0 })
    #expect(none.sums.loss == 0 && none.sums.crossEntropy > 0 && none.gradients.allSatisfy { $0 == 0 })
  }

  /// A step in which the teacher is not asked takes no longer than one of the student alone.
  @Test func aStepWithoutATeacherTakesTheTimeOfTraining() throws {
    let (teacher, student) = (decoder(width: 256, layers: 6, seed: 1), decoder(width: 8, seed: 3))
    let batch = try text().batch(Array(0..<20))
    func seconds(_ weight: Schedule) -> Double {
      let objective = LiveTeacherObjective(
        teachers: [(teacher, 1)], ScheduledObjective(.forwardKL, hardLabelWeight: weight))
      return (0..<5).map { _ in
        let start = ContinuousClock.now
        _ = objective.accumulateGradients(of: student, on: batch, at: .only, scale: 0.1)
        return (ContinuousClock.now - start) / .seconds(1)
      }.min() ?? 0
    }
    _ = seconds(0)
    #expect(seconds(1) < 0.5 * seconds(0))
  }

  /// No step is on-policy in which no teacher judges, and no other one changes.
  @Test func onPolicyStopsWithTheTeacher() throws {
    var schedule = ScheduledObjective.forwardKL
    schedule.distilledSteps = .first(.share(0.5))
    let tokenizer = ByteTokenizer()
    let size = tokenizer.vocabularySize
    func model(_ seed: UInt64) -> TransformerDecoder {
      TransformerDecoder(
        configuration: DecoderConfiguration(
          vocabularySize: size, hiddenSize: 8, feedForwardSize: 16, layerCount: 1, headCount: 2, contextLength: 16,
          tiesEmbeddings: true, initializerRange: 0.3), seed: seed, device: device)
    }
    let distiller = try Distiller(
      .live(
        [.init(model(1), tokenizer)],
        onPolicy: OnPolicySteps(probability: 1, prompts: .beginnings(length: 4), completionLength: 4)),
      student: .init(model(2), tokenizer), schedule)
    let sampled = (1...10).filter { distiller.objective.isOnPolicy(at: StepPosition(step: $0, totalSteps: 10)) }
    #expect(sampled == [1, 2, 3, 4, 5])
  }

  // MARK: - One teacher per step

  private func drawn(_ step: Int, weights: [Float], seed: UInt64 = 7, stepsBefore: Int = 0) throws -> [Int] {
    let teachers = weights.indices.map { watched(seed: UInt64($0) + 1) }
    let objective = LiveTeacherObjective(
      teachers: zip(teachers, weights).map { ($0.decoder, $1) }, .forwardKL, choice: .onePerStep)
    _ = objective.accumulateGradients(
      of: decoder(width: 8, seed: 3), on: try text().batch([0]),
      at: StepPosition(step: step, totalSteps: 100, stepsBefore: stepsBefore, seed: seed), scale: 0.1)
    return teachers.indices.filter { teachers[$0].wasComputed }
  }

  @Test func oneTeacherIsComputedInEachStepByItsWeight() throws {
    let steps = try (1...60).map { try drawn($0, weights: [3, 1]) }
    #expect(steps.allSatisfy { $0.count == 1 })
    let share = Double(steps.count { $0 == [0] }) / 60
    #expect(share > 0.6 && share < 0.9, "\(share)")
    #expect(try (1...60).map { try drawn($0, weights: [3, 1], seed: 8) } != steps)
    // a continued run goes on with the draws
    #expect(try drawn(5, weights: [1, 1], stepsBefore: 20) == drawn(25, weights: [1, 1]))
  }

  /// The draw is that of one of the teachers alone, and validation that of the mixture.
  @Test func aStepIsThatOfItsTeacherAlone() throws {
    let teachers = [decoder(width: 8, seed: 1), decoder(width: 12, seed: 2)]
    let pairs = teachers.map { (decoder: $0 as any DecoderModel, weight: Float(1)) }
    let student = decoder(width: 8, seed: 3)
    let batch = try text().batch([0, 1])
    let one = LiveTeacherObjective(teachers: pairs, .forwardKL, choice: .onePerStep)
    let mixture = LiveTeacherObjective(teachers: pairs, .forwardKL)
    var met: Set<Int> = []
    for step in 1...12 {
      let position = StepPosition(step: step, totalSteps: 12, seed: 5)
      let sums = one.accumulateGradients(of: student, on: batch, at: position, scale: 0.1)
      let alone = pairs.map {
        LiveTeacherObjective(teachers: [$0], .forwardKL)
          .accumulateGradients(of: student, on: batch, at: position, scale: 0.1)
      }
      met.insert(try #require(alone.firstIndex(of: sums)))
    }
    #expect(met == [0, 1])
    #expect(one.measure(student, on: batch, at: .only) == mixture.measure(student, on: batch, at: .only))
  }

  @Test func oneTeacherPerStepHasTheSameBitsForAnyNumberOfThreadsAndAfterResuming() throws {
    func run(threads: Int, stop: Int? = nil) throws -> [UInt32] {
      let device = Device(threads: threads)
      let student = decoder(width: 8, seed: 3, on: device)
      let teachers = (1...2).map {
        (decoder: decoder(width: 8, seed: UInt64($0), on: device) as any DecoderModel, weight: Float(1))
      }
      let folder = try TemporaryFolder()
      func trainer(_ resuming: Bool) throws -> Trainer {
        let url = folder.file("run")
        return try Trainer(
          model: student, objective: LiveTeacherObjective(teachers: teachers, .forwardKL, choice: .onePerStep),
          data: text(), recipe: TrainingRecipe(steps: 8, batchSize: 4, sequenceLength: 8, seed: 6),
          folder: resuming
            ? RunFolder(resuming: url, inputs: [:])
            : RunFolder(
              creating: url, manifest: RunManifest(version: "test", inputs: [:], parameters: [:]), recipe: ""))
      }
      try trainer(false).run { event in
        if case .step(let step) = event, step.number == stop { return .stop }
        return .continue
      }
      if stop != nil { try trainer(true).run() }
      return try #require(student.parameters.values).array().map(\.bitPattern)
    }
    let straight = try run(threads: 1)
    #expect(try run(threads: 3) == straight)
    #expect(try run(threads: 2, stop: 3) == straight)
  }
}
