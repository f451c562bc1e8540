import Distillation
import Foundation
import LanguageModels
import ModelEvaluation
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

@Suite struct HiddenStateAlignmentTests {
  private let device = Device(threads: 2)

  private func configuration(width: Int, layers: Int, heads: Int = 4, keyValueHeads: Int = 2) -> DecoderConfiguration {
    DecoderConfiguration(
      vocabularySize: 37, hiddenSize: width, feedForwardSize: 2 * width, layerCount: layers, headCount: heads,
      keyValueHeadCount: keyValueHeads, contextLength: 16, tiesEmbeddings: false, initializerRange: 0.4)
  }

  private func decoder(width: Int, layers: Int, seed: UInt64) -> TransformerDecoder {
    TransformerDecoder(configuration: configuration(width: width, layers: layers), seed: seed, device: device)
  }

  private var batch: TokenBatch {
    TokenBatch(
      ids: [1, 5, 9, 30, 2, 7, 8, 36, 4, 4], targets: [5, 9, -1, 3, 7, 8, 36, -1, 4, -1], batchSize: 2)
  }

  private static let everything = HiddenStateTerms(
    pairs: [
      LayerPair(teacher: .layer(1), student: .layer(0)), LayerPair(),
      LayerPair(teacher: .embedding, student: .embedding),
    ],
    cosineWeight: 0.7, meanSquareWeight: 0.4, relationPair: LayerPair(teacher: .layer(0), student: .last),
    relationWeight: 1.5, relationHeads: 2)

  private func objective(
    _ terms: HiddenStateTerms, teacher: any DecoderModel, student: TransformerDecoder,
    schedule: ScheduledObjective? = nil
  ) throws -> LiveTeacherObjective {
    let alignment = try HiddenStateAlignment(
      terms, teacher: teacher.configuration, student: student.configuration, seed: 5, on: device)
    return LiveTeacherObjective(
      teachers: [(teacher, 1)], schedule ?? ScheduledObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5),
      alignment: alignment)
  }

  /// Along the gradient the loss changes by its squared norm: in student and projections, through every term.
  @Test(arguments: [8, 16])
  func theGradientIsThatOfTheLoss(_ width: Int) throws {
    let (teacher, student) = (decoder(width: 8, layers: 3, seed: 1).frozen(), decoder(width: width, layers: 2, seed: 2))
    let objective = try objective(Self.everything, teacher: teacher, student: student)
    let projections = try objective.parameters.map { try #require($0.values) }
    #expect((projections == nil) == (width == 8))
    student.parameters.zeroGradients()
    let sums = objective.accumulateGradients(of: student, on: batch, at: .only, scale: 1)
    #expect(abs(sums.loss - objective.measure(student, on: batch, at: .only).loss) < 1e-5 * sums.loss)
    #expect(try #require(sums.terms[.alignment]) > 1)

    for store in [student.parameters, objective.parameters].compactMap({ $0 }) {
      let (values, gradient) = (try #require(store.values), try #require(store.gradients).array())
      let original = values.array()
      let square = store.gradientSquareSum()
      #expect(square > 0)
      let step = 2e-3 / square.squareRoot()
      func loss(_ sign: Double) -> Double {
        values.withMutableSpan { span in
          for index in span.indices { span[index] = original[index] + Float(sign * step) * gradient[index] }
        }
        return objective.measure(student, on: batch, at: .only).loss
      }
      let difference = (loss(1) - loss(-1)) / (2 * step)
      values.withMutableSpan { span in for index in span.indices { span[index] = original[index] } }
      #expect(abs(difference / square - 1) < 5e-3, "\(difference) is not \(square)")
    }
  }

  @Test func aStudentThatIsItsTeacherHasNothingToAlign() throws {
    let model = decoder(width: 8, layers: 3, seed: 1)
    var terms = Self.everything
    (terms.pairs, terms.relationPair) = ([LayerPair(teacher: .layer(0), student: .layer(0))], LayerPair())
    let sums = try objective(terms, teacher: model.frozen(), student: model).measure(model, on: batch, at: .only)
    #expect(abs(try #require(sums.terms[.alignment])) < 1e-4)
  }

  /// One batch of two sequences, and two of one: the same gradients, in the projections too.
  @Test func itDoesNotMatterHowAStepIsCut() throws {
    let (teacher, student) = (decoder(width: 8, layers: 3, seed: 1).frozen(), decoder(width: 16, layers: 2, seed: 2))
    let objective = try objective(Self.everything, teacher: teacher, student: student)
    func gradients(_ batches: [TokenBatch]) throws -> [Float] {
      let stores = [student.parameters, try #require(objective.parameters)]
      for store in stores { store.zeroGradients() }
      for batch in batches {
        _ = objective.accumulateGradients(of: student, on: batch, at: .only, scale: 1 / 7)
      }
      return try stores.flatMap { try #require($0.gradients).array() }
    }
    let whole = try gradients([batch])
    let halves = [0..<5, 5..<10].map { range in
      TokenBatch(ids: Array(batch.ids[range]), targets: Array(batch.targets[range]), batchSize: 1)
    }
    #expect(relativeError(try gradients(halves), whole.map(Double.init)) < 1e-5)
  }

  /// The weights are those of the step; each is averaged over its pairs.
  @Test func weightsFollowTheirSchedules() throws {
    let (teacher, student) = (decoder(width: 8, layers: 3, seed: 1).frozen(), decoder(width: 8, layers: 2, seed: 2))
    func alignment(_ terms: HiddenStateTerms, step: Int = 1) throws -> Double {
      let position = StepPosition(step: step, totalSteps: 3)
      return try #require(
        try objective(terms, teacher: teacher, student: student).measure(student, on: batch, at: position).terms[
          .alignment])
    }
    let one = try alignment(HiddenStateTerms(cosineWeight: 1))
    #expect(try abs(alignment(HiddenStateTerms(cosineWeight: .linear(from: 0, to: 1)), step: 2) / one - 0.5) < 1e-6)
    #expect(try abs(alignment(HiddenStateTerms(pairs: [LayerPair(), LayerPair()], cosineWeight: 1)) / one - 1) < 1e-6)
    let schedule = try objective(
      HiddenStateTerms(cosineWeight: .linear(from: 0, to: 1)), teacher: teacher, student: student)
    #expect(schedule.dependsOnTotalSteps)
  }

  @Test func whatDoesNotExistIsNamed() throws {
    let (teacher, student) = (configuration(width: 8, layers: 3), configuration(width: 16, layers: 2))
    func failure(_ terms: HiddenStateTerms) -> String? {
      do throws(DistillationError) {
        _ = try HiddenStateAlignment(terms, teacher: teacher, student: student, seed: 1, on: device)
        return nil
      } catch { return "\(error)" }
    }
    let pair = LayerPair(teacher: .layer(3), student: .last)
    #expect(
      failure(HiddenStateTerms(pairs: [pair], cosineWeight: 1))
        == "align-layers: expected the teacher's layers to be 0 to 2, embedding or last, found 3")
    #expect(failure(HiddenStateTerms(pairs: [pair])) == nil)
    let embedding = LayerPair(teacher: .last, student: .embedding)
    #expect(
      failure(HiddenStateTerms(relationPair: embedding, relationWeight: 1))
        == "relation-layers: expected the student's layers to be 0 to 1, or last, whose attention has relations, "
        + "found embedding")
    #expect(
      failure(HiddenStateTerms(relationWeight: 1, relationHeads: 5))?
        .hasPrefix("relation-heads: expected a divisor of 8, 4, 16, 8,") == true)
  }

  /// Projections and their moments are in the checkpoints, and not in the trained model.
  @Test(arguments: [3, 6]) func aRunWithProjectionsContinuesBitForBit(_ stop: Int) throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: 4)
    let ids = (0..<200).map { _ in Int32.random(in: 0..<37, using: &generator) }
    let text = try PackedSequences(TokenArray(ids), sequenceLength: 8, name: "text")
    let teacher = decoder(width: 8, layers: 3, seed: 1).frozen()
    func run(_ name: String, resuming: Bool = false, stop: Int? = nil) throws -> URL {
      let url = folder.file(name)
      let student = decoder(width: 16, layers: 2, seed: 3)
      let manifest = RunManifest(version: "test", inputs: [:], parameters: [:])
      let trainer = try Trainer(
        model: student, objective: try objective(Self.everything, teacher: teacher, student: student), data: text,
        validation: ValidationText(
          EvaluationText(documents: [ids], beginningID: 1), sequenceLength: 8, name: "held-out"),
        recipe: TrainingRecipe(
          steps: 9, batchSize: 4, microBatchSize: 2, sequenceLength: 8, learningRate: 1e-2, checkpointEvery: 3),
        folder: resuming
          ? RunFolder(resuming: url, inputs: [:]) : RunFolder(creating: url, manifest: manifest, recipe: ""))
      try trainer.run { event in
        if case .step(let step) = event {
          #expect(step.terms[.alignment] != nil && step.gradientNorm > 0)
          if step.number == stop { return .stop }
        }
        return .continue
      }
      return url
    }
    let straight = try run("straight")
    _ = try run("stopped", stop: stop)
    let resumed = try run("stopped", resuming: true)
    let names = ["model.safetensors", "checkpoints/step-00000009/objective.safetensors"]
    for name in names + ["checkpoints/step-00000009/optimizer.safetensors"] {
      #expect(
        try Data(contentsOf: straight.appendingPathComponent(name))
          == Data(contentsOf: resumed.appendingPathComponent(name)), "\(name)")
    }
    #expect(!FileManager.default.fileExists(atPath: straight.appendingPathComponent("objective.safetensors").path))
    let exported = try ModelFolder(contentsOf: straight)
    try exported.requireExactly(configuration(width: 16, layers: 2).weights)
    let metrics = try String(contentsOf: straight.appendingPathComponent("metrics.jsonl"), encoding: .utf8)
    #expect(metrics.contains("\"alignment\":"))

    // a checkpoint without them cannot be continued from
    _ = try run("damaged", stop: stop)
    let checkpoint = folder.file("damaged").appendingPathComponent("checkpoints/step-0000000\(stop)")
    try FileManager.default.removeItem(at: checkpoint.appendingPathComponent("objective.safetensors"))
    #expect(throws: TrainingError.self) { try run("damaged", resuming: true) }
  }
}
