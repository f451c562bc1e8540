import Dispatch
import Foundation
import Synchronization
import TextGeneration

/// Computes the sequences of all requests on one thread of its own, so that one task at a time uses the device.
///
/// What a request asks for joins those that are being computed between two steps, and each event goes to the request's
/// stream at once. A request that is no longer waited for is dropped before the next step.
final class Scheduler: Sendable {
  private struct State {
    /// What the thread has not taken in yet.
    var submitted: [ScheduledSequence] = []
    var cancelled: Set<Int> = []
    /// The sequences that have not ended.
    var present = 0
    var ticketCount = 0
    /// When the last sequence has to end; nil where the scheduler is not stopping.
    var lastDeadline: ContinuousClock.Instant?
  }

  private let limits: ServerLimits
  private let metrics: ServerMetrics
  private let state = Mutex(State())
  private let wake = DispatchSemaphore(value: 0)
  private let end = AsyncStream<Never>.makeStream()

  /// Starts the thread, which ends after `drain()`.
  init(_ generator: sending Generator, limits: ServerLimits, metrics: ServerMetrics) {
    self.limits = limits
    self.metrics = metrics
    // held by the thread as long as it runs
    let generator = Mutex(generator)
    let thread = Thread { [self] in
      generator.withLock { run(SequenceTable($0, limits: limits, metrics: metrics)) }
    }
    thread.name = "limbeck-scheduler"
    thread.stackSize = 8 << 20
    thread.start()
  }

  /// Takes in the sequences of a request, all or none. Throws where too many wait, and where the server is stopping.
  /// - Returns: what becomes of them: of each, its end or its failure is the last. They are dropped when nobody reads
  ///   it any more.
  func submit(_ plans: [PlannedSequence]) throws(ServerError) -> AsyncStream<ChoiceEvent> {
    let (stream, continuation) = AsyncStream<ChoiceEvent>.makeStream()
    let ticket: Result<Int, ServerError> = state.withLock { state in
      if state.lastDeadline != nil { return .failure(.stopping) }
      guard state.present + plans.count <= limits.capacity else {
        return .failure(.queueFull(waiting: max(0, state.present - limits.batchSize)))
      }
      state.present += plans.count
      let ticket = state.ticketCount
      state.ticketCount += 1
      let now = ContinuousClock.now
      state.submitted += plans.enumerated().map {
        ScheduledSequence(ticket: ticket, index: $0, plan: $1, arrival: now, events: continuation)
      }
      return .success(ticket)
    }
    let number = try ticket.get()
    continuation.onTermination = { [self] reason in
      guard case .cancelled = reason else { return }
      _ = state.withLock { $0.cancelled.insert(number) }
      wake.signal()
    }
    wake.signal()
    return stream
  }

  /// Whether the server is stopping.
  var isDraining: Bool { state.withLock { $0.lastDeadline != nil } }

  /// Takes no more requests; those that are there go on, for `drainLimit` at most.
  func drain() {
    state.withLock { state in
      if state.lastDeadline == nil { state.lastDeadline = .now + .seconds(limits.drainLimit) }
    }
    wake.signal()
  }

  /// Returns when all sequences have ended after `drain()`.
  func waitForEnd() async {
    for await _ in end.stream {}
  }

  private func run(_ table: SequenceTable) {
    while true {
      let (submitted, cancelled, lastDeadline) = state.withLock { state in
        defer { (state.submitted, state.cancelled) = ([], []) }
        return (state.submitted, state.cancelled, state.lastDeadline)
      }
      table.lastDeadline = lastDeadline
      for sequence in submitted { table.add(sequence) }
      table.cancel(cancelled)
      table.expire(at: .now)
      if table.count > 0 { table.step() }
      table.report()
      let isIdle = state.withLock { state in
        state.present = table.count + state.submitted.count
        return state.present == 0
      }
      if isIdle, lastDeadline != nil {
        end.continuation.finish()
        return
      }
      if table.count == 0 { wake.wait() }
    }
  }
}
