import Diagnostics
public import LanguageModels
public import ModelTraining
public import Tokenization

/// Pulls a student's output distribution onto that of its teacher, token by token.
///
/// ```swift
/// let distiller = try Distiller(
///   teacher: .init(teacher, tokenizer), student: .init(student, tokenizer), .init(.reverseKL, temperature: 2))
/// try distiller.run(over: text, recipe) { event in .continue }
/// ```
public struct Distiller {
  /// A teacher in memory, with the tokenizer it was trained with.
  public struct Teacher {
    /// The model; it stays as it is.
    public let decoder: any DecoderModel
    /// What makes its ids.
    public let tokenizer: any Tokenizer
    /// Its weight in the mixture of several teachers, above 0; the weights need not sum to 1, but their sum is finite.
    public let weight: Float

    /// A teacher, as the properties say.
    public init(_ decoder: any DecoderModel, _ tokenizer: any Tokenizer, weight: Float = 1) {
      self.decoder = decoder
      self.tokenizer = tokenizer
      self.weight = weight
    }
  }

  /// A model to be trained, with the tokenizer whose ids it reads.
  public struct Student {
    /// The model, trainable.
    public let decoder: TransformerDecoder
    /// What makes its ids.
    public let tokenizer: any Tokenizer

    /// A student, as the properties say.
    public init(_ decoder: TransformerDecoder, _ tokenizer: any Tokenizer) {
      self.decoder = decoder
      self.tokenizer = tokenizer
    }
  }

  /// What is trained.
  public let student: TransformerDecoder
  /// What makes the student's ids.
  public let tokenizer: any Tokenizer
  /// What is minimised, the teachers in it.
  public let objective: any TrainingObjective
  private let signal: Signal

  /// What the texts have to fit.
  private enum Signal {
    case live(contextLengths: [Int], onPolicy: OnPolicySteps?, choice: TeacherChoice)
    case cached(CachedTeacherObjective)
  }

  /// A distiller with one teacher in memory; see `init(_:student:_:seed:)`.
  public init(
    teacher: Teacher, student: Student, _ objective: ScheduledObjective = .forwardKL, seed: UInt64 = 0
  ) throws(DistillationError) {
    try self.init(.live([teacher]), student: student, objective, seed: seed)
  }

  /// A distiller, once teacher and student are proved to speak of the same tokens: one tokenizer, one vocabulary size.
  /// - Parameters:
  ///   - teacher: what the student learns from.
  ///   - student: what is trained.
  ///   - objective: what is minimised at each token; by default forward KL at temperature 1.
  ///   - seed: decides the first projections of hidden states of different sizes; 0 by default.
  /// - Throws: `differentTokenizers`; `value`, which says what is wrong with sizes, layers or settings; of several
  ///   teachers, `ofTeacher` says which; `cache` where a cache is not enough for the objective or of another tokenizer.
  public init(
    _ teacher: TeacherSignal, student: Student, _ objective: ScheduledObjective = .forwardKL, seed: UInt64 = 0
  ) throws(DistillationError) {
    self.student = student.decoder
    tokenizer = student.tokenizer
    do { try objective.validate() } catch { throw .value(error) }
    switch teacher {
    case .live(let teachers, let hiddenStates, let onPolicy, let choice):
      try Self.requireSameTokens(teachers, student)
      try Self.requireFiniteSum(ofWeights: teachers.map(\.weight))
      do { try choice.validate(teachers: teachers.count, hiddenStates, onPolicy) } catch { throw .value(error) }
      let live = LiveTeacherObjective(
        teachers: teachers.map { ($0.decoder, $0.weight) }, objective,
        alignment: try hiddenStates.alignment(
          teacher: teachers[0].decoder.configuration, student: student.decoder, seed: seed), choice: choice)
      let contextLengths = teachers.map(\.decoder.configuration.contextLength)
      signal = .live(contextLengths: contextLengths, onPolicy: onPolicy, choice: choice)
      let configuration = student.decoder.configuration
      let contextLength = contextLengths.reduce(configuration.contextLength, min)
      do throws(InvalidValue) {
        try onPolicy?.validate(contextLength: contextLength, vocabularySize: configuration.vocabularySize)
      } catch { throw .value(error) }
      self.objective =
        onPolicy.map {
          OnPolicyObjective(live, $0, contextLength: contextLength, isJudged: live.asksTeacher(at:))
        } ?? live
    case .cached(let cache, let validation):
      do throws(TeacherCacheError) {
        let cached = try CachedTeacherObjective(objective, cache, validation: validation)
        try cached.requireFit(
          vocabularySize: student.decoder.configuration.vocabularySize,
          tokenizerDigest: student.tokenizer.digest.hexadecimal)
        signal = .cached(cached)
        self.objective = cached
      } catch { throw .cache(error) }
    }
  }

  private static func requireSameTokens(_ teachers: [Teacher], _ student: Student) throws(DistillationError) {
    guard !teachers.isEmpty else { throw .value(InvalidValue("teacher", expected: "one or more", found: "none")) }
    for (index, teacher) in teachers.enumerated() {
      do throws(DistillationError) {
        try requireSameTokens(teacher, student)
      } catch {
        throw teachers.count == 1 ? error : .ofTeacher(number: index + 1, error)
      }
    }
  }

  private static func requireFiniteSum(ofWeights weights: [Float]) throws(DistillationError) {
    guard weights.reduce(0, +).isFinite else {
      throw .value(
        InvalidValue(
          "teacher-weights", expected: "numbers above 0 whose sum is below \(Float.greatestFiniteMagnitude)",
          found: weights.map { "\($0)" }.joined(separator: ", ")))
    }
  }

  private static func requireSameTokens(_ teacher: Teacher, _ student: Student) throws(DistillationError) {
    guard teacher.weight > 0, teacher.weight.isFinite else {
      throw .value(InvalidValue("teacher-weights", expected: "numbers above 0", found: "\(teacher.weight)"))
    }
    do {
      try requireSameTokenizer(teacher.tokenizer, student.tokenizer)
    } catch {
      throw .differentTokenizers(error)
    }
    let (expected, found) = (
      teacher.decoder.configuration.vocabularySize, student.decoder.configuration.vocabularySize
    )
    guard expected == found else {
      throw .value(
        InvalidValue("the student", "vocab_size", expected: "the teacher's \(expected)", found: "\(found)"))
    }
  }
}

// MARK: - A run

extension Distiller {
  /// Checks that sequences of so many tokens fit student and teachers, and on-policy prompts the sequences. Throws
  /// `value`, or `cache` where a cache has sequences of another length.
  public func requireFit(sequenceLength: Int) throws(DistillationError) {
    switch signal {
    case .live(let contextLengths, let onPolicy, _):
      for contextLength in contextLengths where sequenceLength > contextLength {
        throw .value(.sequenceLength(sequenceLength, beyond: contextLength, of: "the teacher"))
      }
      do { try onPolicy?.validate(sequenceLength: sequenceLength) } catch { throw .value(error) }
    case .cached(let cached):
      do { try cached.requireFit(sequenceLength: sequenceLength) } catch { throw .cache(error) }
    }
    let contextLength = student.configuration.contextLength
    guard sequenceLength <= contextLength else {
      throw .value(.sequenceLength(sequenceLength, beyond: contextLength, of: "the student"))
    }
  }

  /// Checks that a cache was made for these texts, and that each part of them has a teacher where these are chosen by
  /// parts. Throws `cache`, which says what differs, or `value`.
  public func requireFit(_ text: PackedSequences, validation: ValidationText? = nil) throws(DistillationError) {
    switch signal {
    case .live(_, _, let choice):
      do { try choice.requireFit(text, validation) } catch { throw .value(error) }
    case .cached(let cached):
      do { try cached.requireTexts(training: text, validation: validation) } catch { throw .cache(error) }
    }
  }

  /// Trains the student; see `Trainer.run(_:)`.
  /// - Parameters:
  ///   - text: the text to learn on.
  ///   - validation: a text to be measured on the way.
  ///   - recipe: steps, batches, learning rate.
  ///   - folder: where metrics, checkpoints and the student go; without one nothing is written.
  ///   - continuation: an earlier run that this one goes on with, as in `Trainer`; by default there is none.
  ///   - handler: receives each event; `.stop` ends the run after a checkpoint.
  /// - Returns: how far the run has come.
  /// - Throws: `training` as `Trainer`; as `requireFit(sequenceLength:)` and `requireFit(_:validation:)`.
  @discardableResult
  public func run(
    over text: PackedSequences, validation: ValidationText? = nil, _ recipe: TrainingRecipe,
    folder: RunFolder? = nil, continuing continuation: RunContinuation? = nil,
    _ handler: (TrainingEvent) -> TrainingDirective = { _ in .continue }
  ) throws(DistillationError) -> TrainingSummary {
    try requireFit(sequenceLength: recipe.sequenceLength)
    try requireFit(text, validation: validation)
    do throws(TrainingError) {
      return try Trainer(
        model: student, objective: objective, data: text, validation: validation, recipe: recipe, folder: folder,
        continuing: continuation
      ).run(handler)
    } catch { throw .training(error) }
  }
}
