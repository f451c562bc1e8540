import Diagnostics
import Distillation
import Foundation
import LanguageModels
import ModelEvaluation
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing
import Tokenization

/// Making a cache, and learning from it.
@Suite struct CachedTeacherTests {
  static let methods: [TeacherCacheMethod] = [.topK(8), .topKTail(8), .sampled(draws: 20), .dense16]

  private func decoder(
    width: Int, seed: UInt64, vocabularySize: Int = 60, context: Int = 32, threads: Int = 2
  ) -> TransformerDecoder {
    TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: vocabularySize, hiddenSize: width, feedForwardSize: 2 * width, layerCount: 1, headCount: 2,
        contextLength: context, tiesEmbeddings: true, initializerRange: 0.4),
      seed: seed, device: Device(threads: threads))
  }

  /// A text of which every seventh token does not count.
  private func text(_ tokens: Int = 500, length: Int = 16, seed: UInt64 = 4) throws -> PackedSequences {
    var generator = SeededGenerator(seed: seed)
    let ids = (0..<tokens).map { _ in Int32.random(in: 0..<60, using: &generator) }
    return try PackedSequences(
      TokenArray(ids, counted: ids.indices.map { $0 % 7 != 0 }), sequenceLength: length, name: "text")
  }

  /// A text to be validated on: prompts with completions, of which some are longer than a window.
  private func heldOut(seed: UInt64 = 6) throws -> ValidationText {
    var generator = SeededGenerator(seed: seed)
    let documents = (0..<14).map { index in
      let ids = (0..<5 + 3 * index).map { _ in Int32.random(in: 0..<60, using: &generator) }
      return TokenizedDocument(prompt: Array(ids.prefix(3)), completion: Array(ids.dropFirst(3)))
    }
    return try ValidationText(EvaluationText(documents, beginningID: 1), sequenceLength: 16, name: "held-out")
  }

  private func recorder(
    _ method: TeacherCacheMethod, _ teacher: TransformerDecoder, _ text: any TokenSequences, temperature: Float = 2,
    seed: UInt64 = 5
  ) throws -> TeacherCacheRecorder {
    try TeacherCacheRecorder(
      teacher: teacher, text: text, method: method, temperature: temperature, seed: seed, teacherDigest: "teacher",
      tokenizerDigest: "tokenizer")
  }

  private func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-cached-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  private func cache(
    _ method: TeacherCacheMethod, _ teacher: TransformerDecoder, _ text: any TokenSequences, at url: URL,
    temperature: Float = 2,
    seed: UInt64 = 5
  ) throws -> TeacherCache {
    let recorder = try recorder(method, teacher, text, temperature: temperature, seed: seed)
    #expect(try recorder.record(into: TeacherCacheFolder(creating: url, recorder.description)))
    return try TeacherCache(contentsOf: url)
  }

  /// All files of a folder.
  private func contents(_ url: URL) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: url.path)
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: url.appendingPathComponent($0))) })
  }

  /// A cache is not read in steps that ask nothing of the teacher: they may be of any text, with the bits of training.
  @Test(arguments: methods) func stepsWithoutATeacherDoNotReadTheCache(_ method: TeacherCacheMethod) throws {
    try withFolder { folder in
      let teacher = decoder(width: 16, seed: 1)
      let cache = try cache(method, teacher, text(), at: folder.appendingPathComponent("cache"))
      var schedule = ScheduledObjective(.forwardKL, temperature: 2)
      schedule.distilledSteps = .first(.steps(1))
      let objective = try CachedTeacherObjective(schedule, cache)
      let student = decoder(width: 8, seed: 2)
      // a batch that no text has: rows of the cache could not be found
      let batch = TokenBatch(ids: [1, 2, 3, 4], targets: [2, 3, 4, -1], batchSize: 1)
      func gradients(_ objective: any TrainingObjective) throws -> (LossSums, [Float]) {
        student.parameters.zeroGradients()
        let sums = objective.accumulateGradients(
          of: student, on: batch, at: StepPosition(step: 2, totalSteps: 3), scale: 0.25)
        return (sums, try #require(student.parameters.gradients).array())
      }
      let (found, expected) = (try gradients(objective), try gradients(CrossEntropyObjective()))
      #expect(found == expected && found.0.terms[.divergence] == nil)
    }
  }

  /// What the whole distributions of a cache tell of validation is what the teacher in memory tells.
  @Test func entropiesAreThoseOfTheTeacherInMemory() throws {
    try withFolder { folder in
      let (teacher, student) = (decoder(width: 16, seed: 1), decoder(width: 8, seed: 2))
      let text = try heldOut()
      let schedule = ScheduledObjective(.reverseKL, temperature: 2)
      let training = try cache(.dense16, teacher, self.text(), at: folder.appendingPathComponent("training"))
      let validation = try cache(.dense16, teacher, text, at: folder.appendingPathComponent("validation"))
      let batch = text.batch(Array(0..<text.count))
      let found = try CachedTeacherObjective(schedule, training, validation: validation)
        .measure(student, on: batch, at: .only)
      let expected = LiveTeacherObjective(teachers: [(teacher, 1)], schedule).measure(student, on: batch, at: .only)
      for term in [LossTerm.klDivergence, .entropy, .teacherEntropy] {
        let (value, exact) = (try #require(found.terms[term]), try #require(expected.terms[term]))
        #expect(abs(value / exact - 1) < 1e-3, "\(term.key): \(value) is not \(exact)")
      }
      let sampled = try cache(
        .sampled(draws: 20), teacher, text, at: folder.appendingPathComponent("sampled"))
      let forward = ScheduledObjective(.forwardKL, temperature: 2)
      let some = try CachedTeacherObjective(forward, training, validation: sampled)
        .measure(student, on: batch, at: .only)
      #expect(some.terms[.teacherEntropy] == nil && some.terms[.klDivergence] == nil)
      #expect(some.terms[.divergence] != nil && some.terms[.entropy] == found.terms[.entropy])
    }
  }

  @Test(arguments: methods) func bytesDoNotDependOnThreadsAndInterruptions(_ method: TeacherCacheMethod) throws {
    try withFolder { folder in
      // several files: 20 of 2,048 sequences of 16 tokens each
      let text = try text(16 * 2_048 * 3 + 100)
      let whole = folder.appendingPathComponent("whole")
      _ = try cache(method, decoder(width: 8, seed: 1, threads: 1), text, at: whole)
      let expected = try contents(whole)
      #expect(expected.count == 5)

      let broken = folder.appendingPathComponent("broken")
      let recorder = try recorder(method, decoder(width: 8, seed: 1, threads: 3), text)
      var calls = 0
      let isComplete = try recorder.record(into: TeacherCacheFolder(creating: broken, recorder.description)) { _ in
        calls += 1
        return calls == 20 ? .stop : .continue
      }
      #expect(!isComplete)
      // a process that is killed leaves a hidden file; a file was cut short by someone
      let first = broken.appendingPathComponent("shard-000000.rows")
      try Data(contentsOf: first).prefix(1_000).write(to: first)
      try Data("rest".utf8).write(to: broken.appendingPathComponent(".shard-000001.rows.99999999-abc.partial"))
      var progress: [Int] = []
      try recorder.record(into: TeacherCacheFolder(resuming: broken, recorder.description)) {
        progress.append($0.sequencesDone)
        return .continue
      }
      #expect(progress == progress.sorted() && progress.last == text.count)
      #expect(try contents(broken) == expected)
    }
  }

  @Test func anotherSeedDrawsOtherTokens() throws {
    try withFolder { folder in
      let (teacher, text) = (decoder(width: 8, seed: 1), try text())
      let one = try cache(.sampled(draws: 20), teacher, text, at: folder.appendingPathComponent("1"), seed: 1)
      let two = try cache(.sampled(draws: 20), teacher, text, at: folder.appendingPathComponent("2"), seed: 2)
      #expect(one.rows(ofSequence: 0, count: 3) != two.rows(ofSequence: 0, count: 3))
      #expect(one.digest != two.digest)
      // tokens with the same distribution draw different tokens: each has random numbers of its own
      let rows = one.rows(ofSequence: 3, count: 13) + one.rows(ofSequence: 4, count: 13)
      #expect(rows.indices.allSatisfy { row in rows[..<row].allSatisfy { $0 != rows[row] } })
    }
  }

  /// The whole distribution in 16 bits is the live teacher, but for rounding; by every divergence.
  @Test(arguments: NamedDivergence.all) func dense16IsTheLiveTeacher(_ named: NamedDivergence) throws {
    try withFolder { folder in
      let (teacher, text) = (decoder(width: 16, seed: 1), try text())
      let objective = named.objective(temperature: 2, hardLabelWeight: 0.3)
      let cache = try cache(.dense16, teacher, text, at: folder.appendingPathComponent("cache"))
      let batch = text.batch([3, 0, 7])
      let (live, cached) = (decoder(width: 8, seed: 2), decoder(width: 8, seed: 2))
      let expected = LiveTeacherObjective(teacher: teacher, objective: objective)
        .accumulateGradients(of: live, on: batch, at: .only, scale: 0.01)
      let found = try CachedTeacherObjective(objective, cache, validation: cache)
      let sums = found.accumulateGradients(of: cached, on: batch, at: .only, scale: 0.01)
      #expect(sums.tokens == expected.tokens && sums.crossEntropy == expected.crossEntropy)
      #expect(abs(sums.loss / expected.loss - 1) < 1e-3)
      let exact = try #require(live.parameters.gradients).array().map(Double.init)
      #expect(relativeError(try #require(cached.parameters.gradients).array(), exact) < 2e-3)
      #expect(found.measure(cached.frozen(), on: batch, at: .only).loss == sums.loss)
    }
  }

  /// Cached gradients of the student's weights point where the live ones do; what a method is biased by is allowed for.
  @Test(arguments: [
    (TeacherCacheMethod.topK(60), 2e-3), (.topKTail(60), 2e-3), (.sampled(draws: 20_000), 0.05), (.topKTail(40), 0.1),
  ]) func gradientsAreNearTheLiveOnes(_ method: TeacherCacheMethod, _ bound: Double) throws {
    try withFolder { folder in
      let (teacher, text) = (decoder(width: 16, seed: 1), try text())
      let objective = DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.3)
      let cache = try cache(method, teacher, text, at: folder.appendingPathComponent("cache"))
      let batch = text.batch([5, 1, 9, 2])
      let (live, cached) = (decoder(width: 8, seed: 2), decoder(width: 8, seed: 2))
      let expected = LiveTeacherObjective(teacher: teacher, objective: objective)
        .accumulateGradients(of: live, on: batch, at: .only, scale: 0.01)
      let sums = try CachedTeacherObjective(objective, cache)
        .accumulateGradients(of: cached, on: batch, at: .only, scale: 0.01)
      #expect(sums.tokens == expected.tokens)
      #expect(abs(sums.loss / expected.loss - 1) < bound)
      let exact = try #require(live.parameters.gradients).array().map(Double.init)
      #expect(relativeError(try #require(cached.parameters.gradients).array(), exact) < bound)
    }
  }

  @Test(arguments: methods) func aStudentLearnsFromACacheAndResumes(_ method: TeacherCacheMethod) throws {
    try withFolder { folder in
      let (teacher, text) = (decoder(width: 16, seed: 1), try text())
      let cache = try cache(method, teacher, text, at: folder.appendingPathComponent("cache"), temperature: 1)
      let heldOut = try heldOut()
      let validationCache = try self.cache(
        method, teacher, heldOut, at: folder.appendingPathComponent("validation"), temperature: 1)
      let objective = try CachedTeacherObjective(
        DistillationObjective(.forwardKL, temperature: 1, hardLabelWeight: 0), cache, validation: validationCache)
      let recipe = TrainingRecipe(
        steps: 40, batchSize: 4, sequenceLength: 16, learningRate: 0.02, weightDecay: 0, checkpointEvery: 10)
      func train(_ name: String, stoppingAt stop: Int? = nil) throws -> (TransformerDecoder, TrainingSummary) {
        let url = folder.appendingPathComponent(name)
        let run =
          try FileManager.default.fileExists(atPath: url.path)
          ? RunFolder(resuming: url, inputs: [:])
          : RunFolder(creating: url, manifest: RunManifest(version: "1", inputs: [:], parameters: [:]), recipe: "")
        let student = decoder(width: 8, seed: 2)
        let trainer = try Trainer(
          model: student, objective: objective, data: text, validation: heldOut, recipe: recipe, folder: run)
        let summary = try trainer.run { event in
          if case .step(let step) = event, step.number == stop { return .stop }
          return .continue
        }
        return (student, summary)
      }
      let before = LiveTeacherObjective(
        teacher: teacher, objective: DistillationObjective(.forwardKL, temperature: 1, hardLabelWeight: 0))
      let start = before.measure(decoder(width: 8, seed: 2), on: text.batch([0, 1, 2, 3]), at: .only).perToken.loss
      let (whole, summary) = try train("whole")
      let validated = try #require(summary.lastValidation)
      #expect(validated.tokens == heldOut.countedTokens)
      if method == .dense16 {
        let live = before.measure(whole, on: heldOut.batch(Array(0..<heldOut.count)), at: .only).perToken
        let divergence = try #require(live.terms[.divergence])
        #expect(abs(try #require(validated.terms[.divergence]) - divergence) < 1e-3)
      }
      #expect(before.measure(whole, on: text.batch([0, 1, 2, 3]), at: .only).perToken.loss < 0.8 * start)
      _ = try train("stopped", stoppingAt: 13)
      let (resumed, _) = try train("stopped")
      #expect(
        try #require(resumed.parameters.values).array().map(\.bitPattern)
          == #require(whole.parameters.values).array().map(\.bitPattern))
    }
  }

  @Test func withoutACacheOnlyTheCrossEntropyIsValidated() throws {
    try withFolder { folder in
      let (teacher, text) = (decoder(width: 8, seed: 1), try text())
      let cache = try cache(.topK(4), teacher, text, at: folder.appendingPathComponent("cache"))
      let objective = try CachedTeacherObjective(
        DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5), cache)
      let sums = objective.measure(teacher, on: text.batch([0, 1]), at: .only)
      #expect(sums == CrossEntropyObjective().measure(teacher, on: text.batch([0, 1]), at: .only))
    }
  }

  @Test func aBatchOfOtherOrderReadsItsOwnRows() throws {
    try withFolder { folder in
      let (teacher, text) = (decoder(width: 8, seed: 1), try text())
      let cache = try cache(.sampled(draws: 9), teacher, text, at: folder.appendingPathComponent("cache"))
      let objective = try CachedTeacherObjective(
        DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5), cache, validation: cache)
      let student = decoder(width: 8, seed: 2)
      let single = [4, 0, 11].map { objective.measure(student, on: text.batch([$0]), at: .only).loss }
      let together = objective.measure(student, on: text.batch([4, 0, 11]), at: .only).loss
      #expect(abs(single.reduce(0, +) - together) < 1e-5)
    }
  }

  @Test func whatDoesNotFitIsNamed() throws {
    try withFolder { folder in
      let (teacher, text) = (decoder(width: 8, seed: 1), try text())
      let url = folder.appendingPathComponent("cache")
      let cache = try cache(.topK(4), teacher, text, at: url)
      func key(_ body: () throws -> Void) throws -> String {
        let error = #expect(throws: TeacherCacheError.self) { try body() }
        guard case .value(let value) = error else { return "\(error!)" }
        #expect(value.place == url.path && value.expected != value.found)
        return value.key
      }
      let objective = try CachedTeacherObjective(
        DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5), cache)
      try objective.caches.requireFit(vocabularySize: 60, tokenizerDigest: "tokenizer")
      try objective.caches.requireFit(sequenceLength: 16)
      try objective.caches.requireTexts(training: text, validation: nil)
      #expect(
        try key { _ = try CachedTeacherObjective(DistillationObjective(.forwardKL, temperature: 1), cache) }
          == "temperature")
      #expect(
        try key { try objective.caches.requireFit(vocabularySize: 61, tokenizerDigest: "tokenizer") }
          == "vocabulary size")
      #expect(
        try key { try objective.caches.requireFit(vocabularySize: 60, tokenizerDigest: "other") }
          == "tokenizer digest")
      #expect(
        try key { try objective.caches.requireFit(sequenceLength: 8) }
          == "sequence length")
      #expect(
        try key { try objective.caches.requireTexts(training: self.text(seed: 9), validation: nil) }
          == "token digest of text")
      // the cache of the training text is none of the validation text
      let both = try CachedTeacherObjective(
        DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5), cache, validation: cache)
      #expect(
        try key { try both.caches.requireTexts(training: text, validation: self.heldOut()) } == "packing of held-out")
      for divergence: any Divergence in [ReverseKL(), TotalVariation(), SkewForwardKL()] {
        let error = #expect(throws: TeacherCacheError.self) {
          try CachedTeacherObjective(DistillationObjective(divergence, temperature: 2, hardLabelWeight: 0.5), cache)
        }
        #expect(error == .needsWholeDistribution(cache: url.path, method: "top-k"))
      }
      _ = try CachedTeacherObjective(DistillationObjective(JensenShannon(beta: 0), temperature: 2), cache)
      let weighted = DistillationObjective(ForwardKL(), temperature: 2, tokenWeighting: .teacherEntropy)
      #expect(throws: TeacherCacheError.needsWholeDistribution(cache: url.path, method: "top-k")) {
        try CachedTeacherObjective(weighted, cache)
      }
      #expect(throws: TeacherCacheError.needsLogits(cache: url.path)) {
        try CachedTeacherObjective(DistillationObjective(ForwardKL(), temperature: 2, logitsMSEWeight: 1), cache)
      }
      #expect(
        try key {
          _ = try CachedTeacherObjective(
            ScheduledObjective(.forwardKL, temperature: .linear(from: 2, to: 1)), cache)
        } == "temperature")
      #expect(
        try CachedTeacherObjective(
          ScheduledObjective(.forwardKL, temperature: 2, hardLabelWeight: .linear(from: 0, to: 1)), cache
        ).dependsOnTotalSteps)
    }
  }

  @Test func methodsBeyondTheTeacherAreRefused() throws {
    let text = try text()
    for (method, key) in [
      (TeacherCacheMethod.topK(61), "k"), (.topKTail(0), "k"), (.sampled(draws: 0), "draws"),
    ] {
      let error = #expect(throws: TeacherCacheError.self) { try recorder(method, decoder(width: 8, seed: 1), text) }
      #expect(try #require(error).description.hasPrefix("\(key): expected from 1 to"))
    }
    let error = #expect(throws: TeacherCacheError.self) {
      try recorder(.dense16, decoder(width: 8, seed: 1, context: 8), text)
    }
    #expect(
      error?.description == "sequence-length: expected at most 8, the context of the teacher, found 16")
  }

  @Test func aTeacherThatIsNotFiniteIsNamed() throws {
    try withFolder { folder in
      let teacher = decoder(width: 8, seed: 1)
      try #require(teacher.parameters.values).withMutableSpan { $0[5] = .nan }
      let recorder = try recorder(.topK(3), teacher, text())
      let target = try TeacherCacheFolder(creating: folder.appendingPathComponent("cache"), recorder.description)
      let error = #expect(throws: TeacherCacheError.self) { try recorder.record(into: target) }
      guard case .notFinite = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  /// What the command prints: a method that leaves something out is off by more than chance explains.
  @Test func biasIsMeasured() throws {
    try withFolder { folder in
      let (teacher, text) = (decoder(width: 16, seed: 1), try text(4_000))
      func bias(_ method: TeacherCacheMethod) throws -> CacheBias {
        let cache = try cache(method, teacher, text, at: folder.appendingPathComponent(method.description))
        return CacheBias(of: cache, teacher: teacher, text: text)
      }
      let dense = try bias(.dense16)
      #expect(dense.tokens == text.batch(Array(text.count - 64..<text.count)).countedTokens)
      #expect(abs(dense.cachedLoss / dense.denseLoss - 1) < 1e-3 && dense.gradientDifference < 1e-3)
      let sampled = try bias(.sampled(draws: 50))
      #expect(sampled.denseLoss == dense.denseLoss)
      #expect(abs(sampled.cachedLoss - sampled.denseLoss) < 4 * sampled.lossStandardError)
      #expect(sampled.gradientDifference < 1.5 * sampled.gradientDifferenceByChance)
      let top = try bias(.topK(8))
      #expect(abs(top.cachedLoss - top.denseLoss) > 20 * top.lossStandardError)
      #expect(top.gradientDifference > 3 * top.gradientDifferenceByChance)
    }
  }
}
