import Diagnostics
import Distillation
import Foundation
import LanguageModels
import ModelEvaluation
import ModelTraining
import TensorCore
import TestSupport
import Testing

/// Parts of a text with a teacher each.
@Suite struct TeacherRouteTests {
  private let device = Device(threads: 2)

  private func decoder(width: Int, seed: UInt64) -> TransformerDecoder {
    TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: 37, hiddenSize: width, feedForwardSize: 2 * width, layerCount: 1, headCount: 2,
        contextLength: 16, tiesEmbeddings: false, initializerRange: 0.3),
      seed: seed, device: device)
  }

  private var teachers: [(decoder: any DecoderModel, weight: Float)] {
    [(decoder(width: 8, seed: 1), 1), (decoder(width: 12, seed: 2), 1)]
  }

  private func part(_ seed: UInt64, tokens: Int = 200) throws -> PackedSequences {
    var generator = SeededGenerator(seed: seed)
    let ids = (0..<tokens).map { _ in Int32.random(in: 0..<37, using: &generator) }
    return try PackedSequences(TokenArray(ids), sequenceLength: 8, name: "part \(seed)")
  }

  private func text() throws -> PackedSequences {
    PackedSequences(parts: [try part(4), try part(5), try part(6)], name: "text")
  }

  private func gradients(
    _ objective: LiveTeacherObjective, _ student: TransformerDecoder, _ batches: [TokenBatch]
  ) throws -> (sums: LossSums, values: [Float]) {
    student.parameters.zeroGradients()
    var sums = LossSums.zero
    for batch in batches {
      sums += objective.accumulateGradients(of: student, on: batch, at: .only, scale: 0.01)
    }
    return (sums, try #require(student.parameters.gradients).array())
  }

  /// Each sequence is taught by the teacher of its part, and by no other.
  @Test func sequencesLearnFromTheTeacherOfTheirPart() throws {
    let (text, student) = (try text(), decoder(width: 8, seed: 3))
    let routed = LiveTeacherObjective(teachers: teachers, .forwardKL, choice: .byPart(teachers: [0, 1, 0]))
    // a sequence of each part, mixed
    let places = [30, 2, 55, 31, 60]
    let batch = text.batch(places)
    #expect(batch.parts == [1, 0, 2, 1, 2])
    let found = try gradients(routed, student, [batch])
    var expected = LossSums.zero
    student.parameters.zeroGradients()
    for (teacher, own) in [(0, [2, 55, 60]), (1, [30, 31])] {
      expected += LiveTeacherObjective(teachers: [teachers[teacher]], .forwardKL)
        .accumulateGradients(of: student, on: text.batch(own), at: .only, scale: 0.01)
    }
    #expect(found.sums == expected)
    #expect(found.values == (try #require(student.parameters.gradients)).array())
    let mixture = LiveTeacherObjective(teachers: teachers, .forwardKL)
    #expect(abs(found.sums.loss / (try gradients(mixture, student, [batch]).sums.loss) - 1) > 1e-3)
    #expect(abs(routed.measure(student, on: batch, at: .only).loss / found.sums.loss - 1) < 1e-9)
  }

  /// 1 × 8 and 4 × 2 sequences give one gradient.
  @Test func microBatchesGiveTheSameGradient() throws {
    let (text, student) = (try text(), decoder(width: 8, seed: 3))
    let routed = LiveTeacherObjective(
      teachers: teachers, ScheduledObjective(.reverseKL, temperature: 2, hardLabelWeight: 0.3),
      choice: .byPart(teachers: [1, 0, 0]))
    let places = [30, 2, 55, 31, 60, 7, 8, 33]
    let whole = try gradients(routed, student, [text.batch(places)])
    let parts = try gradients(
      routed, student, stride(from: 0, to: 8, by: 2).map { text.batch(Array(places[$0..<$0 + 2])) })
    #expect(relativeError(parts.values, whole.values.map(Double.init)) < 1e-6)
    #expect(abs(parts.sums.loss / whole.sums.loss - 1) < 1e-6 && parts.sums.tokens == whole.sums.tokens)
  }

  @Test func aRunHasTheSameBitsForAnyNumberOfThreadsAndAfterResuming() throws {
    func weights(threads: Int, stop: Int? = nil) throws -> [UInt32] {
      let device = Device(threads: threads)
      func model(_ width: Int, _ seed: UInt64) -> TransformerDecoder {
        TransformerDecoder(
          configuration: decoder(width: width, seed: seed).configuration, seed: seed, device: device)
      }
      let student = model(8, 3)
      let folder = try TemporaryFolder()
      func trainer(resuming: Bool) throws -> Trainer {
        let url = folder.file("run")
        return try Trainer(
          model: student,
          objective: LiveTeacherObjective(
            teachers: [(model(8, 1), 1), (model(12, 2), 1)], .forwardKL, choice: .byPart(teachers: [0, 1, 1])),
          data: text(), recipe: TrainingRecipe(steps: 4, batchSize: 8, microBatchSize: 4, sequenceLength: 8),
          folder: resuming
            ? RunFolder(resuming: url, inputs: [:])
            : RunFolder(
              creating: url, manifest: RunManifest(version: "test", inputs: [:], parameters: [:]), recipe: ""))
      }
      try trainer(resuming: false).run { event in
        if case .step(let step) = event, step.number == stop { return .stop }
        return .continue
      }
      if stop != nil { try trainer(resuming: true).run() }
      return try #require(student.parameters.values).array().map(\.bitPattern)
    }
    let straight = try weights(threads: 1)
    #expect(try weights(threads: 3) == straight)
    #expect(try weights(threads: 2, stop: 2) == straight)
  }

  /// What would end the process at a step is an error before the first.
  @Test func partsAndTeachersMustFit() throws {
    let tokenizer = ByteTokenizer()
    func model(_ seed: UInt64) -> TransformerDecoder {
      TransformerDecoder(
        configuration: DecoderConfiguration(
          vocabularySize: tokenizer.vocabularySize, hiddenSize: 8, feedForwardSize: 16, layerCount: 1, headCount: 2,
          contextLength: 16, tiesEmbeddings: true), seed: seed, device: device)
    }
    func failure(
      _ choice: TeacherChoice, _ hiddenStates: HiddenStateTerms = .init(), onPolicy: OnPolicySteps? = nil,
      on text: PackedSequences? = nil, validation: ValidationText? = nil
    ) -> String {
      do throws(DistillationError) {
        let distiller = try Distiller(
          .live(
            [.init(model(1), tokenizer), .init(model(2), tokenizer)], hiddenStates: hiddenStates, onPolicy: onPolicy,
            choice: choice),
          student: .init(model(3), tokenizer))
        if let text { try distiller.requireFit(text, validation: validation) }
        return "nothing"
      } catch { return "\(error)" }
    }
    let text = try text()
    #expect(failure(.byPart(teachers: [0, 1, 1]), on: text) == "nothing")
    #expect(failure(.byPart(teachers: [0, 2])) == "teacher: expected of each part one of 0 to 1, found 2")
    #expect(
      failure(.byPart(teachers: [0, 1]), on: text) == "text: parts: expected 2, each with its teacher, found 3")
    let validation = try ValidationText(
      EvaluationText(documents: [[5, 6, 7]], beginningID: 1), sequenceLength: 8, name: "held-out")
    #expect(
      failure(.byPart(teachers: [0, 1, 1]), on: text, validation: validation)
        == "held-out: parts: expected 3, each with its teacher, found 1")
    #expect(failure(.onePerStep, .init(cosineWeight: 1)).hasPrefix("align-layers: expected nothing with one teacher"))
    #expect(failure(.byPart(teachers: [0]), .init(relationWeight: 1)).hasPrefix("align-layers: expected nothing with"))
    let prompts = OnPolicySteps(probability: 1, prompts: .prompts([[1, 2]]), completionLength: 4)
    #expect(failure(.byPart(teachers: [0]), onPolicy: prompts).hasPrefix("prompts: expected nothing with teachers"))
    let beginnings = OnPolicySteps(probability: 1, prompts: .beginnings(length: 2), completionLength: 4)
    #expect(failure(.byPart(teachers: [0]), onPolicy: beginnings) == "nothing")
  }

  /// Completions in place of a sequence have its teacher.
  @Test func completionsKeepTheirPart() throws {
    let (text, student) = (try text(), decoder(width: 8, seed: 3))
    let routed = LiveTeacherObjective(teachers: teachers, .forwardKL, choice: .byPart(teachers: [0, 1, 0]))
    let objective = OnPolicyObjective(
      routed, OnPolicySteps(probability: 1, prompts: .beginnings(length: 3), completionLength: 4), contextLength: 16)
    let batch = try objective.batch(inPlaceOf: text.batch([30, 2, 55]), for: student, at: .only) { true }
    #expect(batch.parts == [1, 0, 2])
  }
}
