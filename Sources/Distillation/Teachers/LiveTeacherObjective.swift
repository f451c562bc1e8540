public import LanguageModels
public import ModelTraining
public import TensorCore

/// Distillation with the teachers in memory: all decoders run on each batch, and their heads meet block by block.
///
/// Several teachers are one: the weighted mixture of their distributions at the objective's temperature (as opposed to
/// the mean of their logits, which is a mixture of no distributions), or one of them, by `TeacherChoice`. Teachers are
/// frozen: nothing of them is recorded, and they have neither gradients nor optimiser state. At a step in which nothing
/// is asked of them they are not computed, and the gradients have the bits of `CrossEntropyObjective`.
public struct LiveTeacherObjective: TrainingObjective {
  /// What is minimised at each token, step by step.
  public let scheduled: ScheduledObjective
  /// What is compared inside of the student and the first teacher; nil for nothing.
  public let alignment: HiddenStateAlignment?
  /// Which of the teachers the student learns from.
  public let choice: TeacherChoice
  /// Whether a weight or the temperature changes with the steps.
  public var dependsOnTotalSteps: Bool {
    scheduled.dependsOnTotalSteps || alignment?.terms.dependsOnTotalSteps ?? false
  }
  /// The projections of hidden states; nil where there are none.
  public var parameters: ParameterStore? { alignment?.parameters }
  let teachers: [FrozenTeacher]

  /// A teacher and its weight in the mixture.
  struct FrozenTeacher {
    let source: any TeacherStates
    let weight: Float
  }

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
  ///   - choice: which of the teachers the student learns from; by default all of them, always. Only then there may be
  ///     an `alignment`.
  public init(
    teachers: [(decoder: any DecoderModel, weight: Float)], _ objective: ScheduledObjective,
    alignment: HiddenStateAlignment? = nil, choice: TeacherChoice = .mixture
  ) {
    precondition(!teachers.isEmpty, "distillation needs a teacher")
    precondition(
      teachers.allSatisfy { $0.weight > 0 } && teachers.reduce(0) { $0 + $1.weight }.isFinite,
      "teachers' weights must be above 0, and their sum finite, not \(teachers.map(\.weight))")
    precondition(choice == .mixture || alignment == nil, "hidden states are compared with one teacher in all steps")
    if case .byPart(let indices) = choice {
      precondition(indices.allSatisfy(teachers.indices.contains), "teachers \(indices) of \(teachers.count)")
    }
    self.teachers = teachers.map { FrozenTeacher(source: $0.decoder.frozen(), weight: $0.weight) }
    scheduled = objective
    self.alignment = alignment
    self.choice = choice
  }

  /// The same with one teacher whose states come from elsewhere, of whose inside nothing may be asked that is not
  /// there.
  init(_ source: any TeacherStates, _ objective: ScheduledObjective, alignment: HiddenStateAlignment?) {
    teachers = [FrozenTeacher(source: source, weight: 1)]
    scheduled = objective
    self.alignment = alignment
    choice = .mixture
  }

  /// Whether a step learns anything from a teacher.
  func asksTeacher(at position: StepPosition) -> Bool {
    scheduled.objective(at: position).asksTeacher || alignment(at: position) != nil
  }

  /// What is compared inside of the models at a step, if anything is.
  func alignment(at position: StepPosition) -> HiddenStateAlignment? {
    guard let alignment, scheduled.distilledSteps.contains(position) else { return nil }
    return alignment.terms.asksTeacher(at: position) ? alignment : nil
  }

  /// Adds `scale` × the gradient of the summed objective to the student's gradients.
  public func accumulateGradients(
    of student: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums {
    accumulateGradients(of: student, on: batch, at: position, scale: scale, recording: nil)
  }

  /// The same, where what the one teacher says is taken down.
  func accumulateGradients(
    of student: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double,
    recording: TeacherCacheRecording?
  ) -> LossSums {
    let objective = scheduled.objective(at: position)
    guard asksTeacher(at: position) else {
      return CrossEntropyObjective().accumulateGradients(
        of: student, on: batch, at: position, weight: Double(objective.hardLabelWeight), scale: scale)
    }
    var sums = LossSums.zero
    for part in teacherBatches(of: batch, drawnAt: position) where part.batch.countedTokens > 0 {
      let backward = BackwardPass()
      sums += self.sums(student, part, objective, position, scale: scale, backward, recording)
      backward.run()
    }
    return sums
  }

  /// The summed objective on a batch, and the distributions' entropies and KL divergence at temperature 1. The teachers
  /// are computed also where the objective asks nothing of them, and all of them where steps ask one.
  public func measure(_ student: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums {
    let objective = scheduled.objective(at: position)
    var sums = LossSums.zero
    for part in teacherBatches(of: batch, drawnAt: nil) where part.batch.countedTokens > 0 {
      sums += measure(student, part, objective, position)
    }
    return sums
  }
}
