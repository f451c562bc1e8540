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
  public let scheduled: ScheduledObjective
  /// What is compared inside of the student and the first teacher; nil for nothing.
  public let alignment: HiddenStateAlignment?
  /// Whether a weight or the temperature changes with the steps.
  public var dependsOnTotalSteps: Bool {
    scheduled.dependsOnTotalSteps || alignment?.terms.dependsOnTotalSteps ?? false
  }
  /// The projections of hidden states; nil where there are none.
  public var parameters: ParameterStore? { alignment?.parameters }
  private let teachers: [(decoder: FrozenDecoder, weight: Float)]

  /// - Parameters:
  ///   - teacher: the teacher; its weights are shared, its gradients never touched.
  ///   - objective: what is minimised at each token, at every step.
  public init(teacher: any DecoderModel, objective: DistillationObjective) {
    self.init(teachers: [(teacher, 1)], ScheduledObjective(objective))
  }

  /// - Parameters:
  ///   - teachers: one or more teachers of one vocabulary, and their weights in the mixture, above 0, which need not
  ///     sum to 1.
  ///   - objective: what is minimised at each token, step by step.
  ///   - alignment: what is compared inside of the student and the first teacher; nil, the default, for nothing.
  public init(
    teachers: [(decoder: any DecoderModel, weight: Float)], _ objective: ScheduledObjective,
    alignment: HiddenStateAlignment? = nil
  ) {
    precondition(!teachers.isEmpty, "distillation needs a teacher")
    precondition(
      teachers.allSatisfy { $0.weight > 0 } && teachers.reduce(0) { $0 + $1.weight }.isFinite,
      "teachers' weights must be above 0, and their sum finite, not \(teachers.map(\.weight))")
    self.teachers = teachers.map { ($0.decoder.frozen(), $0.weight) }
    scheduled = objective
    self.alignment = alignment
  }

  /// Adds `scale` × the gradient of the summed objective to the student's gradients.
  public func accumulateGradients(
    of student: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums {
    let backward = BackwardPass()
    let sums = sums(student, batch, position, scale: scale, backward)
    backward.run()
    return sums
  }

  /// The summed objective on a batch.
  public func measure(_ student: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums {
    sums(student, batch, position, scale: 1, nil)
  }

  /// The sums, and `scale` × the gradients of the last tensors where there is a pass to add them to.
  private func sums(
    _ student: any DecoderModel, _ batch: TokenBatch, _ position: StepPosition, scale: Double,
    _ backward: BackwardPass?
  ) -> LossSums {
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let objective = scheduled.objective(at: position)
    let pass = forward(student, batch, objective)
    let gradientScale = backward == nil ? nil : Float(scale)
    let found = pass.student.mapLogits(rows: rows, teacher: pass.teacher, backward: backward) {
      index, student, teacher, scratch in
      objective.evaluate(
        label: Int(batch.targets[Int(rows[index])]), student: &student, teacher: &teacher, scratch: &scratch,
        scale: gradientScale)
    }
    guard let alignment, let inside = pass.inside else { return LossSums(found) }
    let distance = alignment.evaluate(
      student: (student.normalizedStates(pass.student.hidden), inside.student),
      teacher: (teachers[0].decoder.normalizedStates(pass.teacher.projections[0].hidden), inside.teacher),
      on: batch, at: position, scale: scale, backward: backward)
    return LossSums(found, alignment: distance)
  }

  /// What both sides compute of a batch.
  private struct ForwardPass {
    let student: VocabularyProjection
    let teacher: TeacherProjection
    let inside: (student: ActivationRecorder, teacher: ActivationRecorder)?
  }

  private func forward(
    _ student: any DecoderModel, _ batch: TokenBatch, _ objective: DistillationObjective
  ) -> ForwardPass {
    let inside = alignment.map { (student: $0.studentRecorder(), teacher: $0.teacherRecorder()) }
    let projections = teachers.enumerated().map { index, teacher in
      let hidden =
        if index == 0, let recorder = inside?.teacher {
          teacher.decoder.hiddenStates(batch.ids, lengths: batch.segments, observe: recorder.observe)
        } else {
          teacher.decoder.hiddenStates(batch.ids, lengths: batch.segments)
        }
      return (teacher.decoder.projection(of: hidden), teacher.weight)
    }
    let hidden = student.hiddenStates(batch.ids, lengths: batch.segments) { inside?.student.observe($0, $1) }
    return ForwardPass(
      student: student.projection(of: hidden),
      teacher: TeacherProjection(mixing: projections, temperature: objective.temperature), inside: inside)
  }
}
