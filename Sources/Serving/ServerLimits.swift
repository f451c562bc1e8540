/// How much a server takes on.
package struct ServerLimits: Sendable, Equatable {
  /// The sequences that are computed together; others wait. At least 1.
  package var batchSize = 32
  /// The sequences that may wait for a place; requests beyond are refused. At least 0.
  package var queueLength = 256
  /// The connections that are open at a time; others wait until one is closed. At least 1.
  package var connections = 512
  /// The bytes of a request's body.
  package var bodyBytes = 4 << 20
  /// The tokens that a choice may have; nil for as many as the context holds. At least 1.
  package var maxTokens: Int?
  /// What a request may take, from its arrival on, in seconds. Its texts then end where they are.
  package var timeLimit = 600.0
  /// How long a client may take to send a request, and a connection may stay without any, in seconds.
  package var idleLimit = 30.0
  /// How long requests may go on when the server is to stop, in seconds.
  package var drainLimit = 30.0

  /// The limits that hold where nothing else is said.
  package init() {}

  /// The most sequences that a server has at a time.
  var capacity: Int { batchSize + queueLength }

  /// Throws where a request asks for more texts than the server has at a time: before anything is made for each.
  func requireCapacity(prompts: Int, choices: Int) throws(ServerError) {
    let (texts, overflows) = prompts.multipliedReportingOverflow(by: choices)
    if !overflows, texts <= capacity { return }
    throw .invalid(
      "n", expected: "at most \(capacity) texts for all prompts together",
      found: overflows ? "\(choices) for each of \(prompts)" : "\(texts)")
  }
}
