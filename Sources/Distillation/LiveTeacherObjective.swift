public import LanguageModels
public import ModelTraining
import TensorCore

/// Distillation with the teacher in memory: both decoders run on each batch, and their heads meet block by block.
///
/// The teacher is frozen: nothing of it is recorded, and it has neither gradients nor optimiser state.
public struct LiveTeacherObjective: TrainingObjective {
  /// What is minimised at each token.
  public let objective: DistillationObjective
  private let teacher: Decoder

  /// - Parameters:
  ///   - teacher: the teacher; its weights are shared, its gradients never touched.
  ///   - objective: what is minimised at each token.
  public init(teacher: Decoder, objective: DistillationObjective) {
    self.teacher = teacher.parameters.isTrainable ? teacher.frozen() : teacher
    self.objective = objective
  }

  /// Adds `scale` × the gradient of the summed objective to the student's gradients.
  public func accumulateGradients(
    of student: Decoder, on batch: TokenBatch, at moment: TrainingMoment, scale: Double
  ) -> LossSums {
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let (projection, teacherProjection) = projections(of: student, on: batch)
    let (terms, hiddenGradient) = projection.mapLogitsWithGradient(
      rows: rows, teacher: teacherProjection, body(rows, batch.targets, scale: Float(scale)))
    projection.hidden.backward(from: hiddenGradient)
    return Self.sums(terms)
  }

  /// The summed objective on a batch.
  public func measure(_ student: Decoder, on batch: TokenBatch, at moment: TrainingMoment) -> LossSums {
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let (projection, teacherProjection) = projections(of: student, on: batch)
    return Self.sums(
      projection.mapLogits(rows: rows, teacher: teacherProjection, body(rows, batch.targets, scale: nil)))
  }

  private func projections(
    of student: Decoder, on batch: TokenBatch
  ) -> (student: VocabularyProjection, teacher: VocabularyProjection) {
    let teacherHidden = teacher.hiddenStates(batch.ids, batchSize: batch.batchSize)
    let studentHidden = student.hiddenStates(batch.ids, batchSize: batch.batchSize)
    return (student.projection(of: studentHidden), teacher.projection(of: teacherHidden))
  }

  private func body(
    _ rows: [Int32], _ targets: [Int32], scale: Float?
  ) -> LogitsRowBody<DistillationObjective.Terms> {
    { [objective] index, student, teacher, scratch in
      objective.evaluate(
        label: Int(targets[Int(rows[index])]), student: &student, teacher: &teacher, scratch: &scratch, scale: scale)
    }
  }

  private static func sums(_ terms: [DistillationObjective.Terms]) -> LossSums {
    var sums = LossSums(tokens: terms.count, loss: 0, crossEntropy: 0, divergence: 0)
    for term in terms {
      sums += LossSums(
        tokens: 0, loss: term.total, crossEntropy: term.crossEntropy, divergence: term.divergence)
    }
    return sums
  }
}
