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

extension Corpus {
  /// Encodes the corpus, whose chats are written as the model of the tokenizer writes them.
  fileprivate func encoded<Tokens>(
    for tokenizer: any Tokenizer, _ encode: (Corpus) throws(TokenizationError) -> Tokens
  ) throws(LimbeckError) -> Tokens {
    try LimbeckError.wrapping(LimbeckError.tokenization) { () throws(TokenizationError) in
      try encode(chatting(for: tokenizer))
    }
  }
}

extension PackedSequences {
  /// Texts, encoded and cut into sequences of T tokens.
  /// - Parameters:
  ///   - corpus: the texts.
  ///   - tokenizer: what encodes them.
  ///   - sequenceLength: T.
  ///   - cuts: where the texts are cut; by default at other places in each epoch.
  ///   - beginsWithBOS: whether BOS is put in front of each sequence; by default it is, if the tokenizer has one.
  ///   - folder: where the file with the ids is kept, for the next time; nil, the default, for
  ///     `TokenCache.folder()`.
  /// - Throws: `tokenization` for what is wrong with the texts, `training` where they are too short.
  public init(
    _ corpus: Corpus, tokenizer: any Tokenizer, sequenceLength: Int, cuts: SequencePacking.Cuts = .shifted,
    beginsWithBOS: Bool = true, in folder: URL? = nil
  ) throws(LimbeckError) {
    let tokens = try corpus.encoded(for: tokenizer) { (corpus) throws(TokenizationError) in
      try TokenFile.open(for: corpus, tokenizer: tokenizer, in: folder)
    }
    self = try LimbeckError.wrapping(LimbeckError.training) { () throws(TrainingError) in
      try PackedSequences(
        tokens, sequenceLength: sequenceLength,
        packing: SequencePacking(cuts, for: tokenizer, beginsWithBOS: beginsWithBOS), name: corpus.name)
    }
  }
}

extension ValidationText {
  /// Texts, encoded and cut into windows of T tokens, to be measured while a model is trained on others.
  /// - Parameters:
  ///   - corpus: the texts.
  ///   - tokenizer: what encodes them.
  ///   - sequenceLength: T.
  ///   - beginningID: what windows begin with where the tokenizer has no BOS, as Qwen's: the `beginningID` of the
  ///     model's configuration; EOS by default.
  /// - Throws: `tokenization` for what is wrong with the texts, `training` where no token counts.
  public init(
    _ corpus: Corpus, tokenizer: any Tokenizer, sequenceLength: Int, beginningID: Int32? = nil
  ) throws(LimbeckError) {
    let tokens = try corpus.encoded(for: tokenizer) { (corpus) throws(TokenizationError) in
      try tokenizer.tokens(of: corpus)
    }
    self = try LimbeckError.wrapping(LimbeckError.training) { () throws(TrainingError) in
      try ValidationText(
        EvaluationText(tokens, tokenizer: tokenizer), sequenceLength: sequenceLength, name: corpus.name,
        beginningID: beginningID ?? tokenizer.eosID)
    }
  }
}

extension Distiller {
  /// Trains the student on texts. Its decoder then has the trained weights.
  /// - Parameters:
  ///   - corpus: the texts to learn on.
  ///   - recipe: steps, batches, sequence length, learning rate.
  ///   - beginsWithBOS: whether BOS is put in front of each sequence; by default it is. Give false with a teacher to
  ///     which BOS is the beginning of a document.
  ///   - show: receives each event; by default nothing happens.
  /// - Returns: how far the run has come.
  /// - Throws: `tokenization` for what is wrong with the texts; `training` and `distillation` as
  ///   `run(over:validation:_:folder:_:)`.
  @discardableResult
  public func run(
    over corpus: Corpus, _ recipe: TrainingRecipe, beginsWithBOS: Bool = true,
    _ show: (TrainingEvent) -> Void = { _ in }
  ) throws(LimbeckError) -> TrainingSummary {
    let text = try PackedSequences(
      corpus, tokenizer: tokenizer, sequenceLength: recipe.sequenceLength, beginsWithBOS: beginsWithBOS)
    return try LimbeckError.wrapping(LimbeckError.distillation) { () throws(DistillationError) in
      try run(over: text, recipe) { event in
        show(event)
        return .continue
      }
    }
  }
}

extension Perplexity {
  /// Evaluates a model on texts, in disjoint windows.
  /// - Parameters:
  ///   - model: what predicts the texts.
  ///   - corpus: the texts, together at least two tokens.
  ///   - window: the tokens of a window; nil, the default, for 512, or the context of the model if that is less.
  /// - Throws: `tokenization` for what is wrong with the texts; `evaluation`.
  public init(of model: LanguageModel, on corpus: Corpus, window: Int? = nil) throws(LimbeckError) {
    let tokens = try corpus.encoded(for: model.tokenizer) { (corpus) throws(TokenizationError) in
      try model.tokenizer.tokens(of: corpus)
    }
    self = try LimbeckError.wrapping(LimbeckError.evaluation) { () throws(EvaluationError) in
      try Perplexity(
        of: model.decoder, on: EvaluationText(tokens, tokenizer: model.tokenizer),
        window: window ?? min(512, model.configuration.contextLength))
    }
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
