public import LanguageModels
public import ModelTraining
public import Tokenization

/// Pulls a student's output distribution onto that of one frozen teacher or several, token by token.
///
/// ```swift
/// let objective = DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5)
/// let distiller = try Distiller(teacher: teacher, student: student, tokenizers: (ofTeacher, ofStudent), objective)
/// try distiller.run(over: text, recipe) { event in .continue }
/// ```
public struct Distiller {
  /// A teacher, the tokenizer it was trained with, and its weight in the mixture of several.
  public typealias Teacher = (decoder: TransformerDecoder, tokenizer: any Tokenizer, weight: Float)

  /// What is trained.
  public let student: TransformerDecoder
  /// What is minimised, the teachers in it.
  public let objective: LiveTeacherObjective
  private let teachers: [TransformerDecoder]

  /// A distiller, once teacher and student are proved to speak of the same tokens: one tokenizer, one vocabulary size.
  /// - Parameters:
  ///   - teacher: the teacher; it stays as it is.
  ///   - student: the student; trainable.
  ///   - tokenizers: the tokenizers that the two were trained with.
  ///   - objective: what is minimised at each token.
  /// - Throws: `differentTokenizers` or `differentVocabularies`.
  public init(
    teacher: TransformerDecoder, student: TransformerDecoder,
    tokenizers: (teacher: any Tokenizer, student: any Tokenizer),
    _ objective: DistillationObjective
  ) throws(DistillationError) {
    try self.init(
      teachers: [(teacher, tokenizers.teacher, 1)], student: (student, tokenizers.student),
      DistillationSchedule(objective))
  }

  /// A distiller with one teacher or the weighted mixture of several, and an objective that may change with the steps.
  /// - Parameters:
  ///   - teachers: one or more teachers; they stay as they are. Weights are above 0 and need not sum to 1.
  ///   - student: the student, trainable, and the tokenizer it was trained with.
  ///   - schedule: what is minimised at each token.
  ///   - hiddenStates: what is compared inside of the student and the first teacher; nothing by default.
  ///   - seed: decides the first projections of hidden states of different sizes; 0 by default.
  /// - Throws: `differentTokenizers` or `differentVocabularies`; of several teachers, `ofTeacher` says which;
  ///   `noSuchLayer` or `relationHeads` where hidden states cannot be compared as asked.
  public init(
    teachers: [Teacher], student: (decoder: TransformerDecoder, tokenizer: any Tokenizer),
    _ schedule: DistillationSchedule, hiddenStates: HiddenStateTerms = HiddenStateTerms(), seed: UInt64 = 0
  ) throws(DistillationError) {
    precondition(!teachers.isEmpty, "distillation needs a teacher")
    for (index, teacher) in teachers.enumerated() {
      do {
        try Self.requireSameTokens(teacher, student)
      } catch {
        throw teachers.count == 1 ? error : .ofTeacher(number: index + 1, error)
      }
    }
    self.student = student.decoder
    self.teachers = teachers.map(\.decoder)
    let isAsked = hiddenStates.comparesHiddenStates || hiddenStates.comparesRelations
    let alignment =
      try !isAsked
      ? nil
      : HiddenStateAlignment(
        hiddenStates, teacher: teachers[0].decoder.configuration, student: student.decoder.configuration, seed: seed,
        on: student.decoder.device)
    objective = LiveTeacherObjective(
      teachers: teachers.map { ($0.decoder, $0.weight) }, schedule, alignment: alignment)
  }

  private static func requireSameTokens(
    _ teacher: Teacher, _ student: (decoder: TransformerDecoder, tokenizer: any Tokenizer)
  ) throws(DistillationError) {
    do {
      try requireSameTokenizer(teacher.tokenizer, student.tokenizer)
    } catch {
      throw .differentTokenizers(error)
    }
    let sizes = (teacher.decoder.configuration.vocabularySize, student.decoder.configuration.vocabularySize)
    guard sizes.0 == sizes.1 else { throw .differentVocabularies(teacher: sizes.0, student: sizes.1) }
  }

  /// Trains the student; see `Trainer.run(_:)`.
  /// - Parameters:
  ///   - text: the text to learn on.
  ///   - validation: a text to be measured on the way.
  ///   - recipe: steps, batches, learning rate.
  ///   - folder: where metrics, checkpoints and the student go; without one nothing is written.
  ///   - handler: receives each event; `.stop` ends the run after a checkpoint.
  /// - Returns: how far the run has come.
  /// - Throws: as `Trainer`; `contextTooShort` also where the sequences do not fit into a teacher.
  @discardableResult
  public func run(
    over text: PackedSequences, validation: PackedSequences? = nil, _ recipe: TrainingRecipe,
    folder: RunFolder? = nil, _ handler: (TrainingEvent) -> TrainingDirective = { _ in .continue }
  ) throws(TrainingError) -> TrainingSummary {
    for teacher in teachers where recipe.sequenceLength > teacher.configuration.contextLength {
      throw .contextTooShort(
        sequenceLength: recipe.sequenceLength, contextLength: teacher.configuration.contextLength)
    }
    let trainer = try Trainer(
      model: student, objective: objective, data: text, validation: validation, recipe: recipe, folder: folder)
    return try trainer.run(handler)
  }
}
