/// The requests that have sequences which have not ended.
struct OpenRequests {
  private struct Progress {
    var sequences = 0
    var hasBegun = false
  }

  private var progress: [Int: Progress] = [:]

  /// Counts a sequence of the request.
  mutating func add(_ ticket: Int) { progress[ticket, default: Progress()].sequences += 1 }

  /// Notes that one of the request's sequences has a token.
  mutating func begin(_ ticket: Int) { progress[ticket]?.hasBegun = true }

  /// Whether any of the request's sequences, also one that has ended, has had a token.
  func hasBegun(_ ticket: Int) -> Bool { progress[ticket]?.hasBegun ?? false }

  /// Drops a sequence of the request, and forgets the request with its last one.
  mutating func remove(_ ticket: Int) {
    guard var request = progress[ticket] else { return }
    request.sequences -= 1
    progress[ticket] = request.sequences > 0 ? request : nil
  }
}
