public import LanguageModels
public import ModelTraining
public import TensorCore
public import TextGeneration

/// Where the prompts of on-policy steps come from.
public enum OnPolicyPrompts: Sendable {
  /// The first tokens, so many, of each sequence of the text whose place a completion takes.
  case beginnings(length: Int)
  /// Tokens, BOS and all, of which each sequence draws one at random.
  case prompts([[Int32]])
}

/// On-policy distillation (GKD, Agarwal et al. 2023): with probability λ, a step's text gives way to completions that the
/// student samples itself, of which the completions alone are counted.
///
/// All else, the teacher's part in it above all, is another objective's, which never knows. What is drawn at random
/// depends on the run's seed, the step and the place within the step alone: not on how a step is cut into micro-batches,
/// not on threads, and not on whether a run was continued. Validation measures its text, as ever.
public struct OnPolicyObjective: TrainingObjective {
  private let base: any TrainingObjective
  private let probability: Double
  private let prompts: OnPolicyPrompts
  private let completionLength: Int
  private let contextLength: Int
  private let sampling: Sampling
  private let choices: Int?
  private let endIDs: Set<Int32>

  /// - Parameters:
  ///   - base: what is minimised on the text, or on the completions in its place.
  ///   - probability: λ, in 0...1; at 0 every bit is that of `base` alone.
  ///   - prompts: what the student continues; each prompt has fewer tokens than `contextLength`.
  ///   - completionLength: the most tokens of a completion.
  ///   - contextLength: the most tokens that student and teacher can both be fed.
  ///   - sampling: how the student's tokens are chosen, valid; by default from its own distribution.
  ///   - choices: only the ids 0..<choices are chosen; all by default.
  ///   - endIDs: the tokens that end a completion; they are part of it.
  public init(
    _ base: any TrainingObjective, probability: Double, prompts: OnPolicyPrompts, completionLength: Int,
    contextLength: Int, sampling: Sampling = Sampling(), choices: Int? = nil, endIDs: Set<Int32> = []
  ) {
    precondition((0...1).contains(probability), "a probability of \(probability)")
    precondition(completionLength >= 1, "completions of \(completionLength) tokens")
    switch prompts {
    case .beginnings(let length): precondition(length >= 1 && length < contextLength, "prompts of \(length) tokens")
    case .prompts(let list):
      precondition(!list.isEmpty, "no prompts")
      precondition(
        list.allSatisfy { !$0.isEmpty && $0.count < contextLength }, "a prompt beyond \(contextLength) tokens")
    }
    self.base = base
    self.probability = probability
    self.prompts = prompts
    self.completionLength = completionLength
    self.contextLength = contextLength
    self.sampling = sampling
    self.choices = choices
    self.endIDs = endIDs
  }

  /// As the objective within has them.
  public var parameters: ParameterStore? { base.parameters }

  /// As the objective within has it.
  public var dependsOnTotalSteps: Bool { base.dependsOnTotalSteps }

  /// As the objective within has it.
  public func accumulateGradients(
    of student: TransformerDecoder, on batch: TokenBatch, at moment: TrainingMoment, scale: Double
  ) -> LossSums {
    base.accumulateGradients(of: student, on: batch, at: moment, scale: scale)
  }

  /// As the objective within has it.
  public func measure(_ student: TransformerDecoder, on batch: TokenBatch, at moment: TrainingMoment) -> LossSums {
    base.measure(student, on: batch, at: moment)
  }

  /// Completions of the student's own in place of the text, if the step is an on-policy one. Throws `notFinite` where the
  /// student has no distribution to sample from.
  public func batch(
    inPlaceOf batch: TokenBatch, for student: TransformerDecoder, at moment: TrainingMoment
  ) throws(TrainingError) -> TokenBatch {
    // All micro-batches of a step are of one kind.
    var choice = SeededGenerator(seed: moment.seed, stream: moment.step)
    guard choice.nextUniform() < probability else { return batch }
    let starts = (0..<batch.batchSize).map { start(of: $0, in: batch, at: moment) }
    var completions = [[Int32]](repeating: [], count: starts.count)
    do throws(GenerationError) {
      // no step is taken meanwhile
      try SequenceSampler(student.frozen(isConstant: true), choices: choices).sample(
        after: starts, sampling: sampling, batchSize: starts.count, maxTokens: completionLength
      ) { token in
        let sequence = token.sequence
        completions[sequence].append(token.id)
        // the last token is never fed
        let isFull = starts[sequence].ids.count + completions[sequence].count > contextLength
        let hasEnded = endIDs.contains(token.id) || completions[sequence].count == completionLength
        return hasEnded || isFull ? .end : .proceed
      }
    } catch .logitsNotFinite(let largest) {
      throw .notFinite(step: moment.step, quantity: "student's largest logit", value: "\(largest)", tensor: nil)
    } catch {
      preconditionFailure("\(error)")
    }
    return TokenBatch(prompts: starts.map(\.ids), completions: completions)
  }

  /// The prompt of a sequence, and the random numbers that its completion takes.
  private func start(of sequence: Int, in batch: TokenBatch, at moment: TrainingMoment) -> SequenceStart {
    let place = moment.microBatch * batch.batchSize + sequence
    var generator = SeededGenerator(seed: moment.seed, stream: moment.step, place)
    switch prompts {
    case .beginnings(let length):
      precondition(length <= batch.length, "prompts of \(length) tokens from sequences of \(batch.length)")
      let first = sequence * batch.length
      return SequenceStart(ids: Array(batch.ids[first..<first + length]), generator: generator)
    case .prompts(let list):
      let ids = list[Int.random(in: list.indices, using: &generator)]
      return SequenceStart(ids: ids, generator: generator)
    }
  }
}

extension TokenBatch {
  /// Prompts with their completions, of which only these are counted. Sequences shorter than the longest are filled up
  /// behind their end, where no earlier token attends to.
  init(prompts: [[Int32]], completions: [[Int32]]) {
    let length = zip(prompts, completions).map { $0.count + $1.count - 1 }.max() ?? 0
    var (ids, targets) = ([Int32](), [Int32]())
    for (prompt, completion) in zip(prompts, completions) {
      let sequence = prompt + completion.dropLast()
      let padding = [Int32](repeating: 0, count: length - sequence.count)
      ids += sequence + padding
      targets += prompt.dropLast().map { _ in -1 } + completion + padding.map { _ in -1 }
    }
    self.init(ids: ids, targets: targets, batchSize: prompts.count)
  }
}
