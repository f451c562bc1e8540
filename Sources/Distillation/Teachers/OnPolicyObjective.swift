public import Diagnostics
public import LanguageModels
public import ModelTraining
public import TensorCore
public import TextGeneration

/// Where the prompts of on-policy steps come from.
public enum OnPolicyPrompts: Sendable {
  /// The first tokens, so many, of each sequence of the text whose place a completion takes, or fewer where
  /// `OnPolicySteps.words` tells words apart.
  case beginnings(length: Int)
  /// Tokens, BOS and all, of which each sequence draws one at random.
  case prompts([[Int32]])
}

/// With which share of steps, and how, a student learns from its own completions.
public struct OnPolicySteps: Sendable {
  /// The probability that a step is one of them, in 0...1; at 0 every bit is that of a run without them.
  public let probability: Double
  /// What the student continues; each prompt has fewer tokens than the context of student and teacher.
  public let prompts: OnPolicyPrompts
  /// The most tokens of a completion.
  public let completionLength: Int
  /// How the student's tokens are chosen; by default from its own distribution.
  public let sampler: TokenSampler
  /// The tokens that end a completion; they are part of it.
  public let endIDs: Set<Int32>
  /// Where words begin, so that no prompt from the text begins or ends within one; nil, the default, for anywhere.
  public let words: WordBoundaries?

  /// On-policy steps, as the properties say.
  public init(
    probability: Double, prompts: OnPolicyPrompts, completionLength: Int, sampler: TokenSampler = TokenSampler(),
    endIDs: Set<Int32> = [], words: WordBoundaries? = nil
  ) {
    self.probability = probability
    self.prompts = prompts
    self.completionLength = completionLength
    self.sampler = sampler
    self.endIDs = endIDs
    self.words = words
  }

  /// Throws for the first value that makes no sense, or does not fit a context of so many tokens and a vocabulary of so
  /// many ids, by default any; keys are spelt as on the command line, where there is a flag.
  public func validate(contextLength: Int, vocabularySize: Int = .max) throws(InvalidValue) {
    guard (0...1).contains(probability) else {
      throw InvalidValue("on-policy", expected: "a number from 0 to 1", found: "\(probability)")
    }
    guard completionLength >= 1 else {
      throw InvalidValue("completion-length", expected: "a number of at least 1", found: "\(completionLength)")
    }
    let lengths =
      switch prompts {
      case .beginnings(let length): [length]
      case .prompts(let list): list.map(\.count)
      }
    guard !lengths.isEmpty else { throw InvalidValue("prompts", expected: "one or more", found: "none") }
    for length in lengths where length < 1 || length >= contextLength {
      throw InvalidValue(
        "prompt-length", expected: "from 1 to less than the context of \(contextLength)", found: "\(length)")
    }
    if case .prompts(let list) = prompts,
      let id = list.joined().first(where: { !(0..<vocabularySize).contains(Int($0)) })
    {
      throw InvalidValue("prompts", expected: "ids from 0 to \(vocabularySize - 1)", found: "\(id)")
    }
  }

  /// Throws where the beginnings of sequences of so many tokens are too short to be prompts.
  func validate(sequenceLength: Int) throws(InvalidValue) {
    if case .beginnings(let length) = prompts, length > sequenceLength {
      throw InvalidValue(
        "prompt-length", expected: "at most the sequence length of \(sequenceLength)", found: "\(length)")
    }
  }
}

/// On-policy distillation (GKD, Agarwal et al. 2023): with some probability a step's text gives way to completions that
/// the student samples itself, of which the completions alone are counted.
///
/// The loss, with the teacher's part in it, is computed by another objective, which is given the completions like any
/// text. Random numbers depend on the run's seed, the number of the step and the place within the step: not on
/// micro-batches, not on threads, and not on whether a run was continued. Validation measures the validation text.
public struct OnPolicyObjective: TrainingObjective {
  private let base: any TrainingObjective
  private let steps: OnPolicySteps
  private let contextLength: Int
  private let isJudged: (StepPosition) -> Bool

  /// - Parameters:
  ///   - base: what is minimised on the text, or on the completions in its place.
  ///   - steps: which steps, and how completions are sampled; valid for the context, the student's vocabulary and the
  ///     sequences of the text.
  ///   - contextLength: the most tokens that student and teacher can both be fed.
  ///   - isJudged: whether a teacher judges what is learnt at a step, without which completions teach nothing; by
  ///     default it does at all of them.
  public init(
    _ base: any TrainingObjective, _ steps: OnPolicySteps, contextLength: Int,
    isJudged: @escaping (StepPosition) -> Bool = { _ in true }
  ) {
    do { try steps.validate(contextLength: contextLength) } catch { preconditionFailure("\(error)") }
    self.base = base
    self.steps = steps
    self.contextLength = contextLength
    self.isJudged = isJudged
  }

  /// As the objective within has them.
  public var parameters: ParameterStore? { base.parameters }

  /// As the objective within has it.
  public var dependsOnTotalSteps: Bool { base.dependsOnTotalSteps }

  /// As the objective within has it.
  public func accumulateGradients(
    of student: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums {
    base.accumulateGradients(of: student, on: batch, at: position, scale: scale)
  }

  /// As the objective within has it.
  public func measure(_ student: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums {
    base.measure(student, on: batch, at: position)
  }

  /// Whether the step is an on-policy one: never where no teacher judges. All micro-batches of a step are of one kind.
  public func isOnPolicy(at position: StepPosition) -> Bool {
    guard isJudged(position) else { return false }
    var choice = SeededGenerator(seed: position.seed, stream: position.stepOfAllRuns)
    return choice.nextUniform() < steps.probability
  }

  /// Completions of the student's own in place of the text, if the step is an on-policy one. Throws `notFinite` where
  /// the student has no distribution to sample from.
  public func batch(
    inPlaceOf batch: TokenBatch, for student: TransformerDecoder, at position: StepPosition,
    isWanted: () -> Bool = { true }
  ) throws(TrainingError) -> TokenBatch {
    guard isOnPolicy(at: position) else { return batch }
    let requests = (0..<batch.batchSize).map { request(for: $0, in: batch, at: position) }
    var completions = [[Int32]](repeating: [], count: requests.count)
    // a step's buffers are of other sizes
    student.device.releaseFreeMemory()
    do throws(GenerationError) {
      // no step is taken meanwhile
      let session = PlainDecodingSession(
        student.frozen(isConstant: true), batchSize: requests.count)
      for request in requests { _ = try session.submit(request) }
      while session.sequenceCount > 0 {
        guard isWanted() else { return batch }
        for event in session.step() {
          switch event {
          case .token(let token): completions[token.sequence.number].append(token.id)
          case .failed(_, let error): throw error
          }
        }
      }
    } catch .logitsNotFinite(let largest) {
      throw .notFinite(step: position.step, quantity: "student's largest logit", value: "\(largest)", tensor: nil)
    } catch {
      preconditionFailure("\(error)")
    }
    return TokenBatch(prompts: requests.map(\.ids), completions: completions, parts: batch.parts)
  }

  /// The prompt of a sequence, what may follow it, and the random numbers that this takes.
  private func request(for sequence: Int, in batch: TokenBatch, at position: StepPosition) -> DecodingRequest {
    let place = position.firstSequence + sequence
    var generator = SeededGenerator(seed: position.seed, stream: position.stepOfAllRuns, place)
    let ids: [Int32]
    switch steps.prompts {
    case .beginnings(let length):
      precondition(length <= batch.length, "prompts of \(length) tokens from sequences of \(batch.length)")
      ids = batch.prompt(ofSequence: sequence, length: length, words: steps.words)
    case .prompts(let list):
      ids = list[Int.random(in: list.indices, using: &generator)]
    }
    // the last token is never fed
    let room = contextLength + 1 - ids.count
    return DecodingRequest(
      ids: ids, sampler: steps.sampler, generator: generator, maximumTokens: min(steps.completionLength, room),
      endIDs: steps.endIDs)
  }
}

extension TokenBatch {
  /// Prompts with their completions, of which only these are counted. Sequences shorter than the longest are filled up
  /// behind their end, where no earlier token attends to. `parts` [B] are those of the sequences whose place they take.
  init(prompts: [[Int32]], completions: [[Int32]], parts: [Int]) {
    let length = zip(prompts, completions).map { $0.count + $1.count - 1 }.max() ?? 0
    var (ids, targets) = ([Int32](), [Int32]())
    for (prompt, completion) in zip(prompts, completions) {
      let sequence = prompt + completion.dropLast()
      let padding = [Int32](repeating: 0, count: length - sequence.count)
      ids += sequence + padding
      targets += prompt.dropLast().map { _ in -1 } + completion + padding.map { _ in -1 }
    }
    self.init(ids: ids, targets: targets, batchSize: prompts.count, parts: parts)
  }
}
