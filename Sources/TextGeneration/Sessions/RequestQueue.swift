/// A request that a session has taken in.
struct SubmittedRequest {
  let id: SequenceID
  let request: DecodingRequest
  /// What an earlier sequence left.
  let caches: SequenceCaches?
}

/// The requests that wait for a place in a session, in the order of their submission.
struct RequestQueue {
  private let contextLength: Int
  private let vocabularySize: Int
  private var submitted = 0
  // a slice drops its first elements without moving the others
  private var waiting: ArraySlice<SubmittedRequest> = []

  init(contextLength: Int, vocabularySize: Int) {
    self.contextLength = contextLength
    self.vocabularySize = vocabularySize
  }

  var count: Int { waiting.count }

  /// Takes in a request. Throws `value` where it cannot be met.
  mutating func append(
    _ request: DecodingRequest, caches: SequenceCaches?
  ) throws(GenerationError) -> SequenceID {
    try request.validate(contextLength: contextLength, vocabularySize: vocabularySize)
    defer { submitted += 1 }
    let id = SequenceID(number: submitted)
    waiting.append(SubmittedRequest(id: id, request: request, caches: caches))
    return id
  }

  /// Removes the first requests: `count` at most, and, unless the first alone has more, of `tokens` at most.
  mutating func removeFirst(atMost count: Int, tokens limit: Int = .max) -> [SubmittedRequest] {
    var removed: [SubmittedRequest] = []
    var tokens = 0
    while removed.count < count, let next = waiting.first {
      tokens += next.request.ids.count
      if !removed.isEmpty, tokens > limit { break }
      removed.append(next)
      waiting.removeFirst()
    }
    return removed
  }

  /// Removes a request, if it waits.
  mutating func remove(_ id: SequenceID) { waiting.removeAll { $0.id == id } }
}

/// Cuts sequences into consecutive ranges, each computed in one pass: of at most `limit` rows together, unless one
/// sequence alone has more.
func passes(ofRows counts: [Int], atMost limit: Int) -> [Range<Int>] {
  var passes: [Range<Int>] = []
  var (first, rows) = (0, 0)
  for (index, count) in counts.enumerated() {
    if index > first, rows + count > limit {
      passes.append(first..<index)
      (first, rows) = (index, 0)
    }
    rows += count
  }
  if first < counts.count { passes.append(first..<counts.count) }
  return passes
}
