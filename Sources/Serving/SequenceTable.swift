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
  /// The tokens of prompts, unless one alone has more, that are computed in a step.
  private static let promptTokens = 2_048

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
  /// Those that wait for a place in the session, in the order of their arrival. The session's own queue stays empty:
  /// it would be computed in one step where its sequences end with their first token.
  private var waiting: ArraySlice<ScheduledSequence> = []
  /// Those whose prompts alone are to be scored, in the order of their arrival.
  private var unscored: ArraySlice<ScheduledSequence> = []
  private var scoring: [Scoring] = []
  private var live: [SequenceID: Live] = [:]
  private var requests = OpenRequests()
  /// When all end, whatever their own time; nil where the server is not stopping.
  var lastDeadline: ContinuousClock.Instant?

  init(_ generator: Generator, limits: ServerLimits, metrics: ServerMetrics) {
    self.generator = generator
    session = generator.makeSession(batchSize: limits.batchSize, isRepeatable: false)
    self.limits = limits
    self.metrics = metrics
  }

  /// The sequences that have not ended.
  var count: Int { waiting.count + unscored.count + scoring.count + live.count }

  /// Takes in a sequence; all those of a request come before the next step.
  func add(_ sequence: ScheduledSequence) {
    metrics.add(promptTokens: sequence.plan.request.ids.count)
    requests.add(sequence.ticket)
    if sequence.plan.maxTokens > 0 {
      waiting.append(sequence)
    } else if sequence.plan.scoresPrompt {
      unscored.append(sequence)
    } else {
      end(sequence, .ended(.length))
    }
  }

  /// Drops the sequences of requests that nobody waits for any more.
  func cancel(_ tickets: Set<Int>) {
    if tickets.isEmpty { return }
    remove { sequence, _ in
      guard tickets.contains(sequence.ticket) else { return false }
      requests.remove(sequence.ticket)
      return true
    }
  }

  /// Ends the sequences whose time is over. One without a token is empty where another of its request has one, so that
  /// the request keeps what it has, and an error where none has. It is an error as well where its prompt's
  /// log-probabilities are wanted and not there: without them a reply would say something wrong.
  func expire(at now: ContinuousClock.Instant) {
    remove { sequence, text in
      let own = sequence.arrival + .seconds(limits.timeLimit)
      let last = lastDeadline ?? own
      guard now >= min(own, last) else { return false }
      guard var text, !text.generation.tokenIDs.isEmpty else {
        let lacksScores = sequence.plan.scoresPrompt && text == nil
        let isEmpty = requests.hasBegun(sequence.ticket) && !lacksScores
        end(
          sequence,
          isEmpty
            ? .ended(.length) : .failed(last < own ? .stopping : .timeLimit(seconds: limits.timeLimit)))
        return true
      }
      let rest = text.cutOff()
      if !rest.isEmpty { sequence.send(.rest(rest)) }
      end(sequence, .ended(TextEnd(text.generation.stopReason)))
      return true
    }
  }

  /// Brings every sequence that has a place a little further.
  func step() {
    begin()
    score()
    if session.sequenceCount > 0 {
      for event in session.step() { take(event) }
    }
  }

  /// Notes how many sequences there are.
  func report() {
    metrics.set(running: live.count + scoring.count, present: count)
  }

  /// Tells a sequence's end to its request.
  private func end(_ sequence: ScheduledSequence, _ event: SequenceEvent) {
    sequence.send(event)
    requests.remove(sequence.ticket)
  }

  /// Removes sequences; `condition` gets each and, where it is in the session, its text so far.
  private func remove(where condition: (ScheduledSequence, GeneratedSequence?) -> Bool) {
    waiting.removeAll { condition($0, nil) }
    unscored.removeAll { condition($0, nil) }
    scoring.removeAll { condition($0.sequence, nil) }
    for (id, present) in live where condition(present.sequence, present.text) {
      session.cancel(id)
      live[id] = nil
    }
  }

  /// Gives free places to sequences that wait: no more in a step than leaves the others their turn soon.
  private func begin() {
    // one whose prompt is scored has its place from then on, for its cache is kept
    var places = limits.batchSize - live.count - scoring.count { $0.sequence.plan.maxTokens > 0 }
    var tokens = 0
    while places > 0, let sequence = waiting.first {
      if !sequence.plan.scoresPrompt {
        let count = sequence.plan.request.ids.count
        if tokens > 0, tokens + count > Self.promptTokens { return }
        tokens += count
      }
      waiting.removeFirst()
      places -= 1
      if sequence.plan.scoresPrompt {
        beginScoring(sequence)
      } else {
        submit(sequence, caches: nil)
      }
    }
  }

  private func beginScoring(_ sequence: ScheduledSequence) {
    let request = sequence.plan.request
    scoring.append(
      Scoring(sequence: sequence, state: generator.makeScoring(of: request, alternatives: request.alternatives)))
  }

  /// Scores some tokens of prompts, and submits the sequences whose prompts have been.
  private func score() {
    // however full the session is: prompts that are only scored need no place in it
    while !unscored.isEmpty, scoring.count < limits.batchSize { beginScoring(unscored.removeFirst()) }
    if scoring.isEmpty { return }
    generator.advance(scoring.map(\.state), tokens: Self.scoredTokens)
    let complete = scoring.filter(\.state.isComplete)
    scoring.removeAll(where: \.state.isComplete)
    for item in complete {
      if let failure = item.state.failure {
        end(item.sequence, .failed(ServerError(failure)))
        continue
      }
      item.sequence.send(.scored(item.state.tokens))
      if item.sequence.plan.maxTokens == 0 {
        end(item.sequence, .ended(.length))
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
      end(sequence, .failed(ServerError(error)))
    }
  }

  private func take(_ event: DecodingEvent) {
    switch event {
    case .failed(let id, let error):
      if let failed = live.removeValue(forKey: id) { end(failed.sequence, .failed(ServerError(error))) }
    case .token(let token):
      // a step may bring tokens behind the one that has ended the text
      guard var present = live.removeValue(forKey: token.sequence) else { return }
      if present.text.generation.tokenIDs.isEmpty {
        requests.begin(present.sequence.ticket)
        metrics.add(firstTokenAfter: present.sequence.arrival.duration(to: .now) / .seconds(1))
      }
      metrics.add(generatedTokens: 1)
      let text = present.text.append(token)
      present.sequence.send(.token(token, text: text))
      if present.text.hasEnded {
        session.cancel(token.sequence)
        end(present.sequence, .ended(TextEnd(present.text.generation.stopReason)))
      } else {
        live[token.sequence] = present
      }
    }
  }
}
