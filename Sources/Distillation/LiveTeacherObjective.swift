public import LanguageModels
public import ModelTraining
public import TensorCore

/// Distillation with the teachers in memory: all decoders run on each batch, and their heads meet block by block.
///
/// Several teachers are one: the weighted mixture of their distributions at the objective's temperature (as opposed to
/// the mean of their logits, which is a mixture of no distributions). Teachers are frozen: nothing of them is recorded,
/// and they have neither gradients nor optimiser state.
public struct LiveTeacherObjective: TrainingObjective {
  /// What is minimised at each token, step by step.
  public let schedule: DistillationSchedule
  /// What is compared inside of the student and the first teacher; nil for nothing.
  public let alignment: HiddenStateAlignment?
  /// Whether a weight or the temperature changes with the steps.
  public var dependsOnTotalSteps: Bool {
    schedule.dependsOnTotalSteps || alignment?.terms.dependsOnTotalSteps ?? false
  }
  /// The projections of hidden states; nil where there are none.
  public var parameters: ParameterStore? { alignment?.parameters }
  private let teachers: [(decoder: TransformerDecoder, weight: Float)]

  /// - Parameters:
  ///   - teacher: the teacher; its weights are shared, its gradients never touched.
  ///   - objective: what is minimised at each token, at every step.
  public init(teacher: TransformerDecoder, objective: DistillationObjective) {
    self.init(teachers: [(teacher, 1)], DistillationSchedule(objective))
  }

  /// - Parameters:
  ///   - teachers: one or more teachers of one vocabulary, and their weights in the mixture, which need not sum to 1.
  ///   - schedule: what is minimised at each token, step by step.
  ///   - alignment: what is compared inside of the student and the first teacher; nil, the default, for nothing.
  public init(
    teachers: [(decoder: TransformerDecoder, weight: Float)], _ schedule: DistillationSchedule,
    alignment: HiddenStateAlignment? = nil
  ) {
    precondition(!teachers.isEmpty, "distillation needs a teacher")
    self.teachers = teachers.map { ($0.decoder.parameters.isTrainable ? $0.decoder.frozen() : $0.decoder, $0.weight) }
    self.schedule = schedule
    self.alignment = alignment
  }

  /// Adds `scale` × the gradient of the summed objective to the student's gradients.
  public func accumulateGradients(
    of student: TransformerDecoder, on batch: TokenBatch, at moment: TrainingMoment, scale: Double
  ) -> LossSums {
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let objective = schedule.objective(at: moment)
    let pass = forward(student, batch, objective)
    let (terms, hiddenGradient) = pass.student.mapLogitsWithGradient(
      rows: rows, teacher: pass.teacher, Self.body(objective, rows, batch.targets, scale: Float(scale)))
    let aligned = align(pass, batch, moment, scale: scale)
    Tensor.backward([(pass.student.hidden, hiddenGradient)] + (aligned?.seeds ?? []))
    return LossSums(terms, alignment: aligned?.loss)
  }

  /// The summed objective on a batch.
  public func measure(_ student: TransformerDecoder, on batch: TokenBatch, at moment: TrainingMoment) -> LossSums {
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let objective = schedule.objective(at: moment)
    let pass = forward(student, batch, objective)
    let terms = pass.student.mapLogits(
      rows: rows, teacher: pass.teacher, Self.body(objective, rows, batch.targets, scale: nil))
    return LossSums(terms, alignment: align(pass, batch, moment, scale: 1)?.loss)
  }

  /// What both sides compute of a batch.
  private struct ForwardPass {
    let student: VocabularyProjection
    let teacher: TeacherProjection
    let inside: (student: ActivationRecorder, teacher: ActivationRecorder)?
  }

  private func forward(
    _ student: TransformerDecoder, _ batch: TokenBatch, _ objective: DistillationObjective
  ) -> ForwardPass {
    let inside = alignment.map { (student: $0.studentRecorder(), teacher: $0.teacherRecorder()) }
    let projections = teachers.enumerated().map { index, teacher in
      let hidden =
        if index == 0, let recorder = inside?.teacher {
          teacher.decoder.hiddenStates(batch.ids, batchSize: batch.batchSize, observe: recorder.observe)
        } else {
          teacher.decoder.hiddenStates(batch.ids, batchSize: batch.batchSize)
        }
      return (teacher.decoder.projection(of: hidden), teacher.weight)
    }
    let hidden = student.hiddenStates(batch.ids, batchSize: batch.batchSize) { inside?.student.observe($0, $1) }
    return ForwardPass(
      student: student.projection(of: hidden),
      teacher: TeacherProjection(mixing: projections, temperature: objective.temperature), inside: inside)
  }

  private func align(
    _ pass: ForwardPass, _ batch: TokenBatch, _ moment: TrainingMoment, scale: Double
  ) -> (loss: Double, seeds: [(tensor: Tensor, gradient: Tensor)])? {
    guard let alignment, let inside = pass.inside else { return nil }
    return alignment.evaluate(
      student: (pass.student.hidden, inside.student), teacher: (pass.teacher.projections[0].hidden, inside.teacher),
      on: batch, at: moment, scale: scale)
  }

  private static func body(
    _ objective: DistillationObjective, _ rows: [Int32], _ targets: [Int32], scale: Float?
  ) -> LogitsRowBody<DistillationObjective.Terms> {
    { index, student, teacher, scratch in
      objective.evaluate(
        label: Int(targets[Int(rows[index])]), student: &student, teacher: &teacher, scratch: &scratch, scale: scale)
    }
  }
}
