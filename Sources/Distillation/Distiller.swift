import Checkpoints
public import LanguageModels
public import ModelTraining
public import Tokenization

/// Why a student cannot be distilled from a teacher.
public enum DistillationError: Error, Sendable, CustomStringConvertible {
  /// The tokenizers are not the same; the error inside names the first difference.
  case differentTokenizers(TokenizationError)
  /// The heads differ in their number of rows.
  case differentVocabularies(teacher: Int, student: Int)

  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .differentTokenizers(let difference):
      "\(difference); distillation needs one tokenizer for both"
    case .differentVocabularies(let teacher, let student):
      "vocab_size: the teacher's is \(teacher), the student's \(student); give the student the teacher's"
    }
  }
}

/// Pulls a student's output distribution onto a frozen teacher's, token by token.
///
/// ```swift
/// let objective = DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5)
/// let distiller = try Distiller(teacher: teacher, student: student, tokenizers: (ofTeacher, ofStudent), objective)
/// try distiller.run(over: text, recipe) { event in .continue }
/// ```
public struct Distiller {
  /// What is trained.
  public let student: Decoder
  /// What is minimised, the teacher in it.
  public let objective: LiveTeacherObjective
  private let teacher: Decoder

  /// A distiller, once teacher and student are proved to speak of the same tokens: one tokenizer, one vocabulary size.
  /// - Parameters:
  ///   - teacher: the teacher; it stays as it is.
  ///   - student: the student; trainable.
  ///   - tokenizers: the tokenizers that the two were trained with.
  ///   - objective: what is minimised at each token.
  /// - Throws: `differentTokenizers` or `differentVocabularies`.
  public init(
    teacher: Decoder, student: Decoder, tokenizers: (teacher: SentencePieceTokenizer, student: SentencePieceTokenizer),
    _ objective: DistillationObjective
  ) throws(DistillationError) {
    do {
      try requireSameTokenizer(tokenizers.teacher, tokenizers.student)
    } catch {
      throw .differentTokenizers(error)
    }
    let sizes = (teacher.configuration.vocabularySize, student.configuration.vocabularySize)
    guard sizes.0 == sizes.1 else { throw .differentVocabularies(teacher: sizes.0, student: sizes.1) }
    self.student = student
    self.teacher = teacher
    self.objective = LiveTeacherObjective(teacher: teacher, objective: objective)
  }

  /// Trains the student; see `Trainer.run(_:)`.
  /// - Parameters:
  ///   - text: the text to learn on.
  ///   - validation: a text to be measured on the way.
  ///   - recipe: steps, batches, learning rate.
  ///   - folder: where metrics, checkpoints and the student go; without one nothing is written.
  ///   - handler: receives each event; `.stop` ends the run after a checkpoint.
  /// - Returns: how far the run has come.
  /// - Throws: as `Trainer`; `contextTooShort` also where the sequences do not fit into the teacher.
  @discardableResult
  public func run(
    over text: PackedSequences, validation: PackedSequences? = nil, _ recipe: TrainingRecipe,
    folder: RunFolder? = nil, _ handler: (TrainingEvent) -> TrainingDirective = { _ in .continue }
  ) throws(TrainingError) -> TrainingSummary {
    guard recipe.sequenceLength <= teacher.configuration.contextLength else {
      throw .contextTooShort(
        sequenceLength: recipe.sequenceLength, contextLength: teacher.configuration.contextLength)
    }
    let trainer = try Trainer(
      model: student, objective: objective, data: text, validation: validation, recipe: recipe, folder: folder)
    return try trainer.run(handler)
  }
}
