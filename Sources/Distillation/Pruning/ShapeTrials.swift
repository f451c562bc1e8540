import Diagnostics
public import LanguageModels
public import ModelTraining
import TensorCore

/// Compares students of several shapes by trying them: each is cut out of the teacher and trained for a few steps.
///
/// The loss right after the cut orders shapes badly (docs/distilling.md), so it only chooses among shapes of equally
/// many layers. The best of these train for a quarter of the steps, and the best of those for all of them, always from
/// the cut on.
public struct ShapeTrials {
  /// How a shape has done.
  public struct Result: Sendable, Equatable {
    /// The shape.
    public let plan: StudentPlan
    /// Nats per token after the cut, on part of the text where it was not trained; infinite where the student gave no
    /// number.
    public fileprivate(set) var lossAfterCut: Double
    /// Nats per token after so many steps, the last of all that it was trained for.
    public fileprivate(set) var loss: Double
    /// The steps; 0 where it went no further than the cut.
    public fileprivate(set) var steps: Int
  }

  private let teacher: any DecoderModel
  private let importance: ActivationImportance
  private let training, heldOut: PackedSequences
  private let steps: Int

  /// Shapes that are trained, of each number of layers.
  private static let trainedOfEachDepth = 3
  /// Shapes that are trained for all steps.
  private static let finalists = 4
  /// Tokens by which shapes are chosen that are trained.
  private static let tokensAfterCut = 2048
  /// Tokens of a step, about.
  private static let tokensPerStep = 2048

  /// - Parameters:
  ///   - teacher: what students are cut out of.
  ///   - importance: of the teacher's channels, heads and neurons.
  ///   - training: what the students learn.
  ///   - heldOut: what they are measured on, another text.
  ///   - steps: the most that a student is trained for, above 0.
  public init(
    of teacher: any DecoderModel, _ importance: ActivationImportance, training: PackedSequences,
    heldOut: PackedSequences, steps: Int
  ) {
    precondition(steps > 0, "\(steps) steps")
    (self.teacher, self.importance, self.training, self.heldOut, self.steps) = (
      teacher, importance, training, heldOut, steps
    )
  }

  /// Tries shapes; the best is the first.
  /// - Parameters:
  ///   - plans: the shapes, of this teacher.
  ///   - progress: called before each trial with the number of those done, and about how many there will be.
  /// - Returns: all shapes, those that were trained for more steps before the others, and among equals by their loss.
  /// - Throws: as `Trainer`, but for losses that are not finite: these count as infinite.
  public func ranked(
    _ plans: [StudentPlan], progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(TrainingError) -> [Result] {
    let depths = Dictionary(grouping: plans.indices) { plans[$0].layers.count }
    let trained = depths.values.reduce(0) { $0 + min(Self.trainedOfEachDepth, $1.count) }
    let total = plans.count + trained + min(Self.finalists, trained)
    var done = 0
    func proceed() {
      progress(done, total)
      done += 1
    }
    var results = plans.map { plan in
      proceed()
      let loss = heldOut.natsPerToken(of: student(plan), first: Self.tokensAfterCut).orInfinity
      return Result(plan: plan, lossAfterCut: loss, loss: loss, steps: 0)
    }
    let first = depths.values.flatMap { best(Self.trainedOfEachDepth, of: $0, results) }.sorted()
    for index in first {
      proceed()
      try train(&results[index], steps: max(1, steps / 4))
    }
    for index in best(Self.finalists, of: first, results) {
      proceed()
      try train(&results[index], steps: steps)
    }
    return best(results.count, of: Array(results.indices), results).map { results[$0] }
  }

  /// The places of the best results among some.
  private func best(_ count: Int, of places: [Int], _ results: [Result]) -> [Int] {
    let ranked = places.sorted { first, second in
      let (a, b) = (results[first], results[second])
      if a.steps != b.steps { return a.steps > b.steps }
      return a.loss == b.loss ? first < second : a.loss < b.loss
    }
    return Array(ranked.prefix(count))
  }

  private func student(_ plan: StudentPlan) -> TransformerDecoder {
    TransformerDecoder(studentOf: teacher, plan, importance: importance)
  }

  private func train(_ result: inout Result, steps: Int) throws(TrainingError) {
    let student = student(result.plan)
    if result.steps == 0 { result.lossAfterCut = heldOut.natsPerToken(of: student).orInfinity }
    let recipe = TrainingRecipe(
      steps: steps, batchSize: max(1, Self.tokensPerStep / training.sequenceLength),
      sequenceLength: training.sequenceLength, warmupSteps: min(10, self.steps / 4), decay: .constant)
    result.steps = steps
    do throws(TrainingError) {
      try Trainer(model: student, objective: CrossEntropyObjective(), data: training, recipe: recipe).run()
      result.loss = heldOut.natsPerToken(of: student).orInfinity
    } catch .notFinite {
      result.loss = .infinity
    } catch {
      throw error
    }
  }
}

extension Double {
  /// Infinity in place of NaN, so that it can be compared.
  fileprivate var orInfinity: Double { isNaN ? .infinity : self }
}
