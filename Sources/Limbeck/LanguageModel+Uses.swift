extension Distiller {
  /// A distiller with one teacher in memory, once it is proved that teacher and student have one tokenizer.
  /// - Parameters:
  ///   - teacher: what the student learns from; it stays as it is.
  ///   - student: what is trained.
  ///   - objective: what is minimised at each token; by default forward KL at temperature 1.
  ///   - seed: decides the first projections of hidden states of different sizes; 0 by default.
  /// - Throws: as `init(_:student:_:seed:)`.
  public init(
    teacher: LanguageModel, student: LanguageModel, _ objective: ScheduledObjective = .forwardKL, seed: UInt64 = 0
  ) throws(DistillationError) {
    let decoder: TransformerDecoder
    do throws(InvalidValue) { decoder = try student.trainableDecoder } catch { throw .value(error) }
    try self.init(
      teacher: Teacher(teacher.decoder, teacher.tokenizer), student: Student(decoder, student.tokenizer), objective,
      seed: seed)
  }
}

extension PackedSequences {
  /// Texts, encoded and cut into sequences of T tokens.
  /// - Parameters:
  ///   - corpus: the texts.
  ///   - tokenizer: what encodes them.
  ///   - sequenceLength: T.
  ///   - folder: where the file with the ids is kept, for the next time; by default in the system's folder for temporary
  ///     files.
  /// - Throws: `TokenizationError` for what is wrong with the texts, `TrainingError` where they are too short.
  public init(
    _ corpus: Corpus, tokenizer: any Tokenizer, sequenceLength: Int,
    in folder: URL = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-tokens")
  ) throws {
    let tokens = try TokenFile.open(for: corpus, tokenizer: tokenizer, in: folder)
    try self.init(tokens, sequenceLength: sequenceLength, name: corpus.name)
  }
}

extension Distiller {
  /// Trains the student on texts. Its decoder then has the trained weights.
  /// - Parameters:
  ///   - corpus: the texts to learn on.
  ///   - recipe: steps, batches, sequence length, learning rate.
  ///   - handler: receives each event; `.stop` ends the run. By default nothing happens.
  /// - Returns: how far the run has come.
  /// - Throws: `TokenizationError` for what is wrong with the texts; as `run(over:validation:_:folder:_:)`.
  @discardableResult
  public func run(
    over corpus: Corpus, _ recipe: TrainingRecipe, _ handler: (TrainingEvent) -> TrainingDirective = { _ in .continue }
  ) throws -> TrainingSummary {
    let text = try PackedSequences(
      corpus, tokenizer: tokenizer, sequenceLength: recipe.sequenceLength)
    return try run(over: text, recipe, handler)
  }
}

extension Perplexity {
  /// Evaluates a model on texts, in disjoint windows.
  /// - Parameters:
  ///   - model: what predicts the texts.
  ///   - corpus: the texts, together at least two tokens.
  ///   - window: the tokens of a window; by default the context of the model.
  /// - Throws: `TokenizationError` for what is wrong with the texts; `EvaluationError`.
  public init(of model: LanguageModel, on corpus: Corpus, window: Int? = nil) throws {
    try self.init(
      of: model.decoder, on: EvaluationText(model.tokenizer.tokens(of: corpus), tokenizer: model.tokenizer),
      window: window ?? model.configuration.contextLength)
  }
}

extension Generator {
  /// - Parameters:
  ///   - model: what predicts the tokens.
  ///   - draft: a smaller model with the same tokenizer, such as a student of the model; none by default.
  /// - Throws: `GenerationError` where model, tokenizer and draft do not fit together.
  public init(_ model: LanguageModel, draft: LanguageModel? = nil) throws(GenerationError) {
    try self.init(model.decoder, model.tokenizer, draft: draft?.decoder)
  }
}
