import ArgumentParser
import Checkpoints
import Distillation
import Foundation
import LanguageModels
import ModelTraining
import TensorCore

/// The distillation step of `peers/pytorch_step.py`, on the same weights and ids, with this project's own code.
@main
struct ReferenceStep: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ReferenceStep",
    abstract: "Times the reference distillation step; prints one JSON object as pytorch_step.py does.",
    discussion: """
      Example:
        python Benchmarks/peers/pytorch_step.py --write inputs
        env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE ReferenceStep inputs
      """)

  @Argument(help: "The folder that `pytorch_step.py --write` saved: teacher/, student/, batch.json.")
  var inputs: String

  @Option(help: "Timed steps.")
  var steps = 7

  @Option(help: "Steps before them.")
  var warmup = 2

  @Option(help: "The learning rate of AdamW.")
  var learningRate = 5e-4

  @Option(help: "A JSON file with `losses`, such as what pytorch_step.py printed: fail where ours differ.")
  var expected: String?

  @Option(help: "The relative difference of a loss that --expected allows.")
  var tolerance = 1e-4

  func validate() throws {
    guard steps > 0, warmup >= 0 else {
      throw ValidationError("--steps \(steps) must be positive and --warmup \(warmup) not negative")
    }
  }

  func run() throws {
    let inputs = try ReferenceInputs(contentsOf: URL(filePath: self.inputs))
    let expectedLosses = try expected.map { try ExpectedLosses(contentsOf: URL(filePath: $0)).losses }
    var report = measure(inputs)
    report.largestLossDifference = expectedLosses.map { Self.largestDifference(report.losses, $0) }
    print(try report.json())
    if let difference = report.largestLossDifference, !(difference <= tolerance) {
      throw ValidationError("losses differ from \(expected ?? "") by \(difference), more than \(tolerance), relatively")
    }
  }

  private func measure(_ inputs: ReferenceInputs) -> StepReport {
    let (student, batch) = (inputs.student, inputs.batch)
    let objective = LiveTeacherObjective(
      teacher: inputs.teacher, objective: DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5))
    let optimizer = AdamW(student.parameters)
    var (losses, norms): ([Double], [Double]) = ([], [])
    var (seconds, cpuSeconds): ([Double], [Double]) = ([], [])
    for _ in 0..<warmup + steps {
      let processorStart = clock()
      let duration = ContinuousClock().measure {
        student.parameters.zeroGradients()
        let sums = objective.accumulateGradients(of: student, on: batch, scale: 1 / Double(batch.countedTokens))
        let norm = student.parameters.gradientSquareSum().squareRoot()
        optimizer.update(learningRate: learningRate, gradientScale: AdamW.clippingFactor(norm: norm, limit: 1))
        losses.append(sums.perToken.loss)
        norms.append(norm)
      }
      seconds.append(duration / .seconds(1))
      cpuSeconds.append(Double(clock() - processorStart) / Double(CLOCKS_PER_SEC))
    }
    let timed = Array(seconds[warmup...])
    let tokens = Double(batch.ids.count)
    return StepReport(
      blockTokens: VocabularyProjection.blockRows(vocabularySize: student.configuration.vocabularySize),
      threads: student.device.threads, steps: steps, warmup: warmup, tokensPerStep: batch.ids.count,
      tokensPerSecond: tokens / median(timed), tokensPerSecondMinimum: tokens / (timed.max() ?? .nan),
      tokensPerSecondMaximum: tokens / (timed.min() ?? .nan), secondsPerStep: timed,
      cpuSecondsPerStep: Array(cpuSeconds[warmup...]), firstStepSeconds: seconds[0],
      peakResidentMib: Machine.peakResidentMib(), losses: losses, gradientNorms: norms,
      processor: Machine.processor(), matrixKernel: Device.matrixKernelName,
      openblasCoretype: ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"])
  }

  /// The largest |ours − theirs| / |theirs| over the steps that both took; infinite if one has no steps.
  private static func largestDifference(_ ours: [Double], _ theirs: [Double]) -> Double {
    zip(ours, theirs).map { abs($0 - $1) / abs($1) }.max() ?? .infinity
  }
}

private struct ExpectedLosses: Decodable {
  let losses: [Double]

  init(contentsOf file: URL) throws {
    self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: file))
  }
}
