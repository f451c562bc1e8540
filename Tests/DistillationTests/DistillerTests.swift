import Diagnostics
import Distillation
import DurableFiles
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing
import Tokenization

@Suite struct DistillerTests {
  private static func tokenizer(_ vocabularySize: Int) throws -> SentencePieceTokenizer {
    var options = TokenizerTrainingOptions()
    options.vocabularySize = vocabularySize
    let words = ["alembic", "spirit", "distil", "token", "teacher", "student", "vapour", "copper"]
    var generator = SeededGenerator(seed: 1)
    let texts = (0..<300).map { _ in
      (0..<12).map { _ in words[Int.random(in: 0..<words.count, using: &generator)] }.joined(separator: " ")
    }
    return try TokenizerTrainer(options).train(on: texts)
  }

  private func decoder(_ vocabularySize: Int, width: Int, context: Int = 32, seed: UInt64) -> TransformerDecoder {
    TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: vocabularySize, hiddenSize: width, feedForwardSize: 2 * width, layerCount: 1, headCount: 2,
        contextLength: context, tiesEmbeddings: true, initializerRange: 0.3),
      seed: seed, device: Device(threads: 2))
  }

  private func text(_ vocabulary: Int32) throws -> PackedSequences {
    var generator = SeededGenerator(seed: 4)
    let ids = (0..<400).map { _ in Int32.random(in: 0..<vocabulary, using: &generator) }
    return try PackedSequences(TokenArray(ids), sequenceLength: 16, name: "text")
  }

  @Test func theStudentApproachesTheTeacher() throws {
    let tokenizer = try Self.tokenizer(285)
    let teacher = decoder(285, width: 16, seed: 1).frozen()
    let student = decoder(285, width: 8, seed: 2)
    let distiller = try Distiller(
      teacher: .init(teacher, tokenizer), student: .init(student, tokenizer), .init(.forwardKL, temperature: 2))
    let recipe = TrainingRecipe(steps: 60, batchSize: 4, sequenceLength: 16, learningRate: 0.02, weightDecay: 0)
    var divergences: [Double] = []
    let summary = try distiller.run(over: try text(285), recipe) { event in
      if case .step(let step) = event, let divergence = step.terms[.divergence] { divergences.append(divergence) }
      return .continue
    }
    #expect(summary.isComplete && divergences.count == 60)
    #expect(divergences[50...].reduce(0, +) / 10 < 0.7 * divergences[0])
  }

  @Test func anyKindOfTokenizerWillDo() throws {
    let tokenizer = ByteTokenizer()
    let size = tokenizer.vocabularySize
    let (teacher, student) = (decoder(size, width: 8, seed: 1).frozen(), decoder(size, width: 8, seed: 2))
    let distiller = try Distiller(teacher: .init(teacher, tokenizer), student: .init(student, ByteTokenizer()))
    let folder = try TemporaryFolder()
    let file = try folder.write(String(repeating: "the alembic ", count: 50), to: "text.txt")
    let text = try TokenFile.open(for: Corpus(paths: [file.path]), tokenizer: tokenizer, in: folder.url)
    let recipe = TrainingRecipe(steps: 2, batchSize: 2, sequenceLength: 16, learningRate: 0.01)
    let run = try RunFolder(
      creating: folder.file("run"), manifest: RunManifest(version: "0", inputs: [:], parameters: [:]), recipe: "",
      modelFiles: tokenizer.files)
    try distiller.run(over: PackedSequences(text, sequenceLength: 16, name: "text"), recipe, folder: run)
    let names = try FileManager.default.contentsOfDirectory(atPath: run.url.path)
    #expect(tokenizer.files.count == 2 && tokenizer.files.allSatisfy { names.contains($0.name) })

    let other = try Self.tokenizer(285)
    #expect(throws: DistillationError.self) {
      try Distiller(teacher: .init(teacher, tokenizer), student: .init(student, other))
    }
  }

  /// Ten AdamW steps of PyTorch in float64; the losses before each, and after the last.
  @Test func tenStepsEqualPyTorch() throws {
    let fixture = try ModelFixture("distillation")
    let expected = fixture.expected
    let device = Device(threads: 2)
    let student = try TransformerDecoder(
      contentsOf: fixture.folder.appendingPathComponent("student"), device: device)
    let teacher = try FrozenDecoder(contentsOf: fixture.folder.appendingPathComponent("teacher"), device: device)
    let objective = LiveTeacherObjective(
      teacher: teacher, objective: DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5))
    let batch = TokenBatch(ids: expected.flatIDs, targets: expected.targets, batchSize: expected.batchSize)
    let optimizer = AdamW(
      student.parameters, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: try #require(expected.adamwWeightDecay))
    let rate = try #require(expected.adamwLearningRate)
    var losses: [Double] = []
    for _ in 0..<10 {
      student.parameters.zeroGradients()
      let sums = objective.accumulateGradients(
        of: student, on: batch, at: .only, scale: 1 / Double(batch.countedTokens))
      losses.append(sums.perToken.loss)
      let norm = student.parameters.gradientSquareSum().squareRoot()
      optimizer.update(learningRate: rate, gradientScale: AdamW.clippingFactor(norm: norm, limit: 1))
    }
    losses.append(objective.measure(student, on: batch, at: .only).perToken.loss)
    for (found, exact) in zip(losses, try #require(expected.adamwLosses)) {
      #expect(abs(found / exact - 1) < 1e-4, "\(found) is not \(exact)")
    }
  }

  @Test func differentTokenizersAreNamed() throws {
    let (one, other) = (try Self.tokenizer(285), try Self.tokenizer(290))
    let error = #expect(throws: DistillationError.self) {
      try Distiller(
        teacher: .init(decoder(285, width: 8, seed: 1), one), student: .init(decoder(285, width: 8, seed: 1), other))
    }
    #expect("\(try #require(error))".contains("tokenizer"))
  }

  @Test func differentVocabularySizesAreNamed() throws {
    let tokenizer = try Self.tokenizer(285)
    let error = #expect(throws: DistillationError.self) {
      try Distiller(
        teacher: .init(decoder(305, width: 8, seed: 1), tokenizer),
        student: .init(decoder(285, width: 8, seed: 1), tokenizer))
    }
    #expect("\(try #require(error))" == "the student: vocab_size: expected the teacher's 305, found 285")
  }

  @Test func aTeacherWithAShortContextIsRefused() throws {
    let tokenizer = try Self.tokenizer(285)
    let distiller = try Distiller(
      teacher: .init(decoder(285, width: 8, context: 8, seed: 1), tokenizer),
      student: .init(decoder(285, width: 8, seed: 1), tokenizer))
    let error = #expect(throws: DistillationError.self) {
      try distiller.run(over: try text(285), TrainingRecipe(steps: 1, batchSize: 1, sequenceLength: 16))
    }
    #expect(
      "\(try #require(error))" == "sequence-length: expected at most 8, the context of the teacher, found 16")
  }

  /// What would make no sense at some later step is named before the first.
  @Test func valuesAreCheckedAtTheStart() throws {
    let tokenizer = try Self.tokenizer(285)
    let (teacher, student) = (decoder(285, width: 8, seed: 1), decoder(285, width: 8, seed: 2))
    func failure(_ objective: ScheduledObjective, weight: Float = 1, onPolicy: OnPolicySteps? = nil) -> String {
      let teachers = [Distiller.Teacher(teacher, tokenizer, weight: weight)]
      do {
        _ = try Distiller(.live(teachers, onPolicy: onPolicy), student: .init(student, tokenizer), objective)
        return "nothing"
      } catch { return "\(error)" }
    }
    #expect(
      failure(.init(.forwardKL, temperature: .linear(from: 1, to: 0.01)))
        == "temperature: expected a number of at least 0.05, found linear:1..0.01")
    #expect(failure(.init(.forwardKL, temperature: .constant(.nan))).hasPrefix("temperature: expected"))
    #expect(
      failure(.init(.forwardKL, hardLabelWeight: .cosine(from: 0, to: 1.5)))
        == "hard-label-weight: expected a number from 0 to 1, found cosine:0..1.5")
    #expect(failure(.forwardKL, weight: 0) == "teacher-weights: expected numbers above 0, found 0.0")
    #expect(
      failure(
        .forwardKL,
        onPolicy: OnPolicySteps(probability: 0.5, prompts: .beginnings(length: 32), completionLength: 4))
        == "prompt-length: expected from 1 to less than the context of 32, found 32")
    #expect(failure(.forwardKL) == "nothing")
  }

  /// What would end the process at a later step is an error before the first.
  @Test func onPolicyStepsFitVocabularyAndSequences() throws {
    let tokenizer = try Self.tokenizer(285)
    let (teacher, student) = (decoder(285, width: 8, seed: 1), decoder(285, width: 8, seed: 2))
    func failure(_ prompts: OnPolicyPrompts, sequenceLength: Int = 16) -> String {
      do throws(DistillationError) {
        let distiller = try Distiller(
          .live(
            [.init(teacher, tokenizer)],
            onPolicy: OnPolicySteps(probability: 1, prompts: prompts, completionLength: 4)),
          student: .init(student, tokenizer))
        try distiller.requireFit(sequenceLength: sequenceLength)
        return "nothing"
      } catch {
        guard case .value(let value) = error else { return "another error: \(error)" }
        return "\(value)"
      }
    }
    #expect(failure(.beginnings(length: 16)) == "nothing")
    #expect(
      failure(.beginnings(length: 17)) == "prompt-length: expected at most the sequence length of 16, found 17")
    #expect(failure(.prompts([[1, 284], [2]])) == "nothing")
    #expect(failure(.prompts([[1, 2], [2, 285]])) == "prompts: expected ids from 0 to 284, found 285")
    #expect(failure(.prompts([[-1]])) == "prompts: expected ids from 0 to 284, found -1")
  }

  @Test func weightsOfTeachersHaveAFiniteSum() throws {
    let tokenizer = try Self.tokenizer(285)
    let teachers = (1...2).map {
      Distiller.Teacher(decoder(285, width: 8, seed: $0), tokenizer, weight: 3e38)
    }
    let error = #expect(throws: DistillationError.self) {
      try Distiller(.live(teachers), student: .init(decoder(285, width: 8, seed: 3), tokenizer))
    }
    guard case .value(let value) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(value.key == "teacher-weights" && value.found == "3e+38, 3e+38")
  }

  @Test(arguments: [Schedule.constant(-1), .constant(.nan), .constant(.infinity), .linear(from: 1, to: -0.5)])
  func weightsOfHiddenStatesMustMakeSense(weight: Schedule) throws {
    let tokenizer = try Self.tokenizer(285)
    let (teacher, student) = (decoder(285, width: 8, seed: 1), decoder(285, width: 8, seed: 2))
    for (key, terms) in [
      ("hidden-cosine-weight", HiddenStateTerms(cosineWeight: weight)),
      ("hidden-mse-weight", HiddenStateTerms(meanSquareWeight: weight)),
      ("relation-weight", HiddenStateTerms(relationWeight: weight)),
    ] {
      let error = #expect(throws: DistillationError.self) {
        try Distiller(
          .live([.init(teacher, tokenizer)], hiddenStates: terms), student: .init(student, tokenizer))
      }
      #expect("\(try #require(error))" == "\(key): expected a number from 0, found \(weight)")
    }
  }
}
