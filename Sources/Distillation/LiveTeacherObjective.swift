public import LanguageModels
public import ModelTraining
import TensorCore

/// Distillation with the teachers in memory: all decoders run on each batch, and their heads meet block by block.
///
/// Several teachers are one: the weighted mixture of their distributions at the objective's temperature (as opposed to
/// the mean of their logits, which is a mixture of no distributions). Teachers are frozen: nothing of them is recorded,
/// and they have neither gradients nor optimiser state.
public struct LiveTeacherObjective: TrainingObjective {
  /// What is minimised at each token, step by step.
  public let schedule: DistillationSchedule
  /// Whether the schedule changes with the steps.
  public var dependsOnTotalSteps: Bool { schedule.dependsOnTotalSteps }
  private let teachers: [(decoder: Decoder, weight: Float)]

  /// - Parameters:
  ///   - teacher: the teacher; its weights are shared, its gradients never touched.
  ///   - objective: what is minimised at each token, at every step.
  public init(teacher: Decoder, objective: DistillationObjective) {
    self.init(teachers: [(teacher, 1)], DistillationSchedule(objective))
  }

  /// - Parameters:
  ///   - teachers: one or more teachers of one vocabulary, and their weights in the mixture, which need not sum to 1.
  ///   - schedule: what is minimised at each token, step by step.
  public init(teachers: [(decoder: Decoder, weight: Float)], _ schedule: DistillationSchedule) {
    precondition(!teachers.isEmpty, "distillation needs a teacher")
    self.teachers = teachers.map { ($0.decoder.parameters.isTrainable ? $0.decoder.frozen() : $0.decoder, $0.weight) }
    self.schedule = schedule
  }

  /// Adds `scale` × the gradient of the summed objective to the student's gradients.
  public func accumulateGradients(
    of student: Decoder, on batch: TokenBatch, at moment: TrainingMoment, scale: Double
  ) -> LossSums {
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let objective = schedule.objective(at: moment)
    let (projection, teacher) = projections(of: student, on: batch, objective)
    let (terms, hiddenGradient) = projection.mapLogitsWithGradient(
      rows: rows, teacher: teacher, Self.body(objective, rows, batch.targets, scale: Float(scale)))
    projection.hidden.backward(from: hiddenGradient)
    return Self.sums(terms)
  }

  /// The summed objective on a batch.
  public func measure(_ student: Decoder, on batch: TokenBatch, at moment: TrainingMoment) -> LossSums {
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let objective = schedule.objective(at: moment)
    let (projection, teacher) = projections(of: student, on: batch, objective)
    return Self.sums(
      projection.mapLogits(
        rows: rows, teacher: teacher, Self.body(objective, rows, batch.targets, scale: nil)))
  }

  private func projections(
    of student: Decoder, on batch: TokenBatch, _ objective: DistillationObjective
  ) -> (student: VocabularyProjection, teacher: TeacherProjection) {
    let projections = teachers.map { teacher, weight in
      (teacher.projection(of: teacher.hiddenStates(batch.ids, batchSize: batch.batchSize)), weight)
    }
    let studentHidden = student.hiddenStates(batch.ids, batchSize: batch.batchSize)
    return (
      student.projection(of: studentHidden),
      TeacherProjection(mixing: projections, temperature: objective.temperature)
    )
  }

  private static func body(
    _ objective: DistillationObjective, _ rows: [Int32], _ targets: [Int32], scale: Float?
  ) -> LogitsRowBody<DistillationObjective.Terms> {
    { index, student, teacher, scratch in
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
