import TextGeneration

/// A sequence that a request waits for.
struct ScheduledSequence: Sendable {
  /// Which request it is of.
  let ticket: Int
  /// Which of the request's sequences it is.
  let index: Int
  let plan: PlannedSequence
  let arrival: ContinuousClock.Instant
  let events: AsyncStream<ChoiceEvent>.Continuation

  func send(_ event: SequenceEvent) { events.yield(ChoiceEvent(index: index, event: event)) }
}

/// The sequences that a scheduler computes, on its thread. Some score their prompts; the others are in a session, which
/// they join and leave between steps.
final class SequenceTable {
  /// The tokens of prompts that are scored between two steps.
  private static let scoredTokens = 1_024

  /// A sequence that scores its prompt.
  private struct Scoring {
    let sequence: ScheduledSequence
    let state: PromptScoring
  }

  /// A sequence in the session.
  private struct Live {
    let sequence: ScheduledSequence
    var text: GeneratedSequence
  }

  private let generator: Generator
  private let session: any DecodingSession
  private let limits: ServerLimits
  private let metrics: ServerMetrics
  /// Those whose prompts are to be scored, in the order of their arrival.
  private var unscored: ArraySlice<ScheduledSequence> = []
  private var scoring: [Scoring] = []
  private var live: [SequenceID: Live] = [:]
  /// When all end, whatever their own time; nil where the server is not stopping.
  var lastDeadline: ContinuousClock.Instant?

  init(_ generator: Generator, limits: ServerLimits, metrics: ServerMetrics) {
    self.generator = generator
    session = generator.makeSession(batchSize: limits.batchSize, isRepeatable: false)
    self.limits = limits
    self.metrics = metrics
  }

  /// The sequences that have not ended.
  var count: Int { unscored.count + scoring.count + live.count }

  /// Takes in a sequence.
  func add(_ sequence: ScheduledSequence) {
    metrics.add(promptTokens: sequence.plan.request.ids.count)
    if sequence.plan.scoresPrompt {
      unscored.append(sequence)
    } else if sequence.plan.maxTokens == 0 {
      sequence.send(.ended(.length))
    } else {
      submit(sequence, caches: nil)
    }
  }

  /// Drops the sequences of requests that nobody waits for any more.
  func cancel(_ tickets: Set<Int>) {
    if !tickets.isEmpty { remove { sequence, _ in tickets.contains(sequence.ticket) } }
  }

  /// Ends the sequences whose time is over.
  func expire(at now: ContinuousClock.Instant) {
    remove { sequence, tokens in
      let own = sequence.arrival + .seconds(limits.timeLimit)
      guard now >= min(own, lastDeadline ?? own) else { return false }
      sequence.send(tokens > 0 ? .ended(.length) : .failed(.timeLimit(seconds: limits.timeLimit)))
      return true
    }
  }

  /// Brings every sequence that has a place a little further.
  func step() {
    score()
    if session.sequenceCount > 0 {
      for event in session.step() { take(event) }
    }
  }

  /// Notes how many sequences there are.
  func report() {
    metrics.set(running: min(session.sequenceCount, limits.batchSize) + scoring.count, present: count)
  }

  /// Removes sequences; `condition` gets each and the number of its tokens so far.
  private func remove(where condition: (ScheduledSequence, _ tokens: Int) -> Bool) {
    unscored.removeAll { condition($0, 0) }
    scoring.removeAll { condition($0.sequence, 0) }
    for (id, present) in live where condition(present.sequence, present.text.generation.tokenIDs.count) {
      session.cancel(id)
      live[id] = nil
    }
  }

  /// Scores some tokens of prompts, and submits the sequences whose prompts have been.
  private func score() {
    // however full the session is: prompts that are only scored need no place in it
    while !unscored.isEmpty, scoring.count < limits.batchSize {
      let sequence = unscored.removeFirst()
      let state = generator.makeScoring(of: sequence.plan.request, alternatives: sequence.plan.request.alternatives)
      scoring.append(Scoring(sequence: sequence, state: state))
    }
    if scoring.isEmpty { return }
    do throws(GenerationError) {
      try generator.advance(scoring.map(\.state), tokens: Self.scoredTokens)
    } catch {
      for item in scoring { item.sequence.send(.failed(ServerError(error))) }
      scoring = []
      return
    }
    let complete = scoring.filter(\.state.isComplete)
    scoring.removeAll(where: \.state.isComplete)
    for item in complete {
      item.sequence.send(.scored(item.state.tokens))
      if item.sequence.plan.maxTokens == 0 {
        item.sequence.send(.ended(.length))
      } else {
        submit(item.sequence, caches: item.state.caches)
      }
    }
  }

  private func submit(_ sequence: ScheduledSequence, caches: SequenceCaches?) {
    let plan = sequence.plan
    do throws(GenerationError) {
      live[try session.submit(plan.request, caches: caches)] = Live(
        sequence: sequence,
        text: GeneratedSequence(
          ids: plan.request.ids, maxTokens: plan.maxTokens, stop: plan.stop, tokenizer: generator.tokenizer))
    } catch {
      sequence.send(.failed(ServerError(error)))
    }
  }

  private func take(_ event: DecodingEvent) {
    switch event {
    case .failed(let id, let error):
      live.removeValue(forKey: id)?.sequence.send(.failed(ServerError(error)))
    case .token(let token):
      // a step may bring tokens behind the one that has ended the text
      guard var present = live.removeValue(forKey: token.sequence) else { return }
      if present.text.generation.tokenIDs.isEmpty {
        metrics.add(firstTokenAfter: present.sequence.arrival.duration(to: .now) / .seconds(1))
      }
      metrics.add(generatedTokens: 1)
      let text = present.text.append(token)
      present.sequence.send(.token(token, text: text))
      if present.text.hasEnded {
        session.cancel(token.sequence)
        present.sequence.send(.ended(TextEnd(present.text.generation.stopReason)))
      } else {
        live[token.sequence] = present
      }
    }
  }
}
