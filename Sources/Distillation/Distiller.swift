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
  let signal: Signal
  /// The teachers in memory; none where a cache stands for them.
  public let teachers: [any DecoderModel]

  /// What the texts have to fit.
  enum Signal {
    case live(contextLengths: [Int], onPolicy: OnPolicySteps?, choice: TeacherChoice)
    case cached(TeacherCaches)
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
    teachers = teacher.inMemory
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
        try cached.caches.requireFit(student)
        signal = .cached(cached.caches)
        self.objective = cached
      } catch { throw .cache(error) }
    case .cachedStates(let cache, let validation, let head, let hiddenStates):
      let alignment = try hiddenStates.alignment(
        teacher: head.configuration, student: student.decoder, seed: seed)
      if let alignment, alignment.needsInside { throw .value(.alignment(cache.method)) }
      let caches = TeacherCaches(training: cache, validation: validation)
      do throws(TeacherCacheError) {
        self.objective = try CachedStatesObjective(
          objective, caches, head: head, alignment: alignment, on: student.decoder.device)
        try caches.requireFit(student)
      } catch { throw .cache(error) }
      signal = .cached(caches)
    case .caching(let teacher, let plan, let hiddenStates):
      try Self.requireSameTokens([teacher], student)
      let alignment = try hiddenStates.alignment(
        teacher: teacher.decoder.configuration, student: student.decoder, seed: seed)
      do { self.objective = try CachingTeacherObjective(teacher, objective, alignment: alignment, plan: plan) } catch {
        throw .cache(error)
      }
      signal = .live(
        contextLengths: [teacher.decoder.configuration.contextLength], onPolicy: nil, choice: .mixture)
    }
  }
}

extension TeacherCaches {
  /// Checks that the caches are of a student's tokens. Throws `value`.
  fileprivate func requireFit(_ student: Distiller.Student) throws(TeacherCacheError) {
    try requireFit(
      vocabularySize: student.decoder.configuration.vocabularySize,
      tokenizerDigest: student.tokenizer.digest.hexadecimal)
  }
}
