import Synchronization

/// What a server counts, as Prometheus reads it.
package final class ServerMetrics: Sendable {
  /// What a request has come to.
  private struct Outcome: Hashable {
    let path: String
    let status: Int
  }

  /// How many values lie below each of some bounds.
  private struct Histogram {
    static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
    var counts = [Int](repeating: 0, count: bounds.count)
    var count = 0
    var sum = 0.0

    mutating func add(_ value: Double) {
      for (index, bound) in Self.bounds.enumerated() where value <= bound { counts[index] += 1 }
      count += 1
      sum += value
    }

    func lines(_ name: String) -> String {
      zip(Self.bounds, counts).map { "\(name)_bucket{le=\"\($0)\"} \($1)\n" }.joined()
        + "\(name)_bucket{le=\"+Inf\"} \(count)\n\(name)_sum \(sum)\n\(name)_count \(count)\n"
    }
  }

  private struct Values {
    var requests: [Outcome: Int] = [:]
    var promptTokens = 0
    var generatedTokens = 0
    var running = 0
    var waiting = 0
    var requestSeconds = Histogram()
    var firstTokenSeconds = Histogram()
  }

  private let values = Mutex(Values())

  package init() {}

  /// Counts a request that has been answered, or 499 where its client has gone.
  func add(request path: String, status: Int, seconds: Double) {
    values.withLock {
      $0.requests[Outcome(path: path, status: status), default: 0] += 1
      $0.requestSeconds.add(seconds)
    }
  }

  func add(promptTokens count: Int) { values.withLock { $0.promptTokens += count } }

  func add(generatedTokens count: Int) { values.withLock { $0.generatedTokens += count } }

  func add(firstTokenAfter seconds: Double) { values.withLock { $0.firstTokenSeconds.add(seconds) } }

  /// Notes how many sequences there are, and how many of them are being computed.
  func set(running: Int, present: Int) {
    values.withLock {
      $0.running = running
      $0.waiting = max(0, present - running)
    }
  }

  /// All of it, in Prometheus's text format.
  var text: String {
    let values = values.withLock { $0 }
    func metric(_ name: String, _ type: String, _ help: String, _ lines: String) -> String {
      "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(lines)"
    }
    func number(_ name: String, _ type: String, _ help: String, _ value: Int) -> String {
      metric(name, type, help, "\(name) \(value)\n")
    }
    let requests = values.requests.sorted { ($0.key.path, $0.key.status) < ($1.key.path, $1.key.status) }.map {
      "limbeck_requests_total{path=\"\($0.path)\",status=\"\($0.status)\"} \($1)\n"
    }
    return metric("limbeck_requests_total", "counter", "Requests that were answered.", requests.joined())
      + number(
        "limbeck_prompt_tokens_total", "counter", "Tokens of prompts, once for each choice.", values.promptTokens)
      + number("limbeck_generated_tokens_total", "counter", "Tokens that were generated.", values.generatedTokens)
      + number("limbeck_sequences_running", "gauge", "Sequences that are being computed.", values.running)
      + number("limbeck_sequences_waiting", "gauge", "Sequences that wait for a place.", values.waiting)
      + metric(
        "limbeck_request_seconds", "histogram", "From a request's arrival to the end of its reply.",
        values.requestSeconds.lines("limbeck_request_seconds"))
      + metric(
        "limbeck_first_token_seconds", "histogram", "From a request's arrival to the first token of a choice.",
        values.firstTokenSeconds.lines("limbeck_first_token_seconds"))
  }
}
