import ArgumentParser
import Distillation
import Foundation
import LanguageModels
import ModelTraining
import ProgramSupport
import TensorCore

/// The training step of `peers/pytorch_step.py`, on the same weights and ids, with this project's own code.
@main
struct StepTimer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "StepTimer",
    abstract: "Times a training step; prints one JSON object as pytorch_step.py does.",
    discussion: """
      Example:
        python Benchmarks/peers/pytorch_step.py --write inputs
        env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE StepTimer inputs
      """)

  @Argument(help: "The folder that `pytorch_step.py --write` or `RandomInputs` saved: teacher/, student/, batch.json.")
  var inputs: String

  @Option(
    help: """
      distillation: the student from the teacher; cached-teacher: from 50 draws of each of the teacher's \
      distributions, in a cache that is made first; language-model: the teacher by itself.
      """)
  var objective = Objective.distillation

  @Option(help: "Of all products: float32 or bf16.", transform: choice(named:))
  var precision = ProductPrecision.float32

  @Option(help: "Of the teacher's products, where they differ.", transform: choice(named:))
  var teacherPrecision: ProductPrecision?

  @Option(help: "Threads to compute with (default: one per core).")
  var threads: Int?

  @Option(help: "What multiplies matrices, of the names that limbeck doctor lists.", transform: choice(named:))
  var backend = MatrixBackendKind.best

  @Option(help: "Timed steps.")
  var steps = 7

  @Option(help: "Steps before them.")
  var warmup = 2

  @Option(help: "The learning rate of AdamW.")
  var learningRate = 5e-4

  enum Objective: String, ExpressibleByArgument, CaseIterable {
    case distillation
    case cachedTeacher = "cached-teacher"
    case languageModel = "language-model"
  }

  func validate() throws {
    guard steps > 0, warmup >= 0 else {
      throw ValidationError("--steps \(steps) must be positive and --warmup \(warmup) not negative")
    }
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1, but is \(threads)") }
  }

  func run() throws {
    let device = try Device(threads: threads, backend: backend)
    let inputs = try StepInputs(contentsOf: URL(filePath: self.inputs), device: device)
    switch objective {
    case .distillation:
      let teacher = try inputs.teacher(precision: teacherPrecision ?? precision)
      let student = try inputs.trained("student", precision: precision)
      let objective = DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5)
      try measure(student, LiveTeacherObjective(teacher: teacher, objective: objective), inputs.batch).write()
    case .cachedTeacher:
      let text = try inputs.text
      let student = try inputs.trained("student", precision: precision)
      let objective = try cachedObjective(try inputs.cache(of: text, precision: teacherPrecision ?? precision))
      try measure(student, objective, text.batch(Array(0..<text.count))).write()
    case .languageModel:
      let model = try inputs.trained("teacher", precision: precision)
      try measure(model, CrossEntropyObjective(), inputs.batch).write()
    }
  }

  private func cachedObjective(_ cache: TeacherCache) throws -> CachedTeacherObjective {
    try CachedTeacherObjective(
      DistillationObjective(.forwardKL, temperature: cache.description.temperature, hardLabelWeight: 0.5), cache)
  }

  private func measure(_ model: TransformerDecoder, _ objective: some TrainingObjective, _ batch: TokenBatch)
    -> StepReport
  {
    let optimizer = AdamW(model.parameters)
    var (losses, norms): ([Double], [Double]) = ([], [])
    var (seconds, cpuSeconds): ([Double], [Double]) = ([], [])
    for _ in 0..<warmup + steps {
      let processorStart = clock()
      let duration = ContinuousClock().measure {
        model.parameters.zeroGradients()
        let sums = objective.accumulateGradientsInMicroBatches(
          of: model, on: batch, at: .only, scale: 1 / Double(batch.countedTokens))
        let norm = model.parameters.gradientSquareSum().squareRoot()
        optimizer.update(learningRate: learningRate, gradientScale: AdamW.clippingFactor(norm: norm, limit: 1))
        losses.append(sums.perToken.loss)
        norms.append(norm)
      }
      seconds.append(duration / .seconds(1))
      cpuSeconds.append(Double(clock() - processorStart) / Double(CLOCKS_PER_SEC))
    }
    let timed = Array(seconds[warmup...])
    return StepReport(
      objective: self.objective.rawValue, precision: precision.rawValue,
      teacherPrecision: (teacherPrecision ?? precision).rawValue,
      blockTokens: VocabularyProjection.blockRows(vocabularySize: model.configuration.vocabularySize),
      threads: model.device.threads, steps: steps, warmup: warmup, tokensPerStep: batch.ids.count,
      tokensPerSecond: Double(batch.ids.count) / median(timed), secondsPerStep: timed,
      cpuSecondsPerStep: Array(cpuSeconds[warmup...]), firstStepSeconds: seconds[0],
      peakResidentMib: Machine.peakResidentMib(), losses: losses, gradientNorms: norms,
      processor: Machine.processor(), backend: model.device.backendKind.rawValue,
      matrixKernel: model.device.kernelName)
  }
}
