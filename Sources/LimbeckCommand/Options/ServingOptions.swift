import ArgumentParser
import Diagnostics
import Serving

/// Where a server listens, and how much it takes on.
struct ServingOptions: ParsableArguments {
  private static let usual = ServerLimits()
  /// A day: more seconds than any request is waited for.
  private static let seconds = 1...86_400.0
  /// What no request needs, and what memory has place for.
  private static let bodyBytes = 1_024...(1 << 30)
  private static let counts = 1...65_536

  @Option(help: ArgumentHelp("Address to listen at; 0.0.0.0 for all of this machine's.", valueName: "address"))
  var host = "127.0.0.1"
  @Option(parsing: .unconditional, help: ArgumentHelp("Port to listen at; 0 for any free one.", valueName: "n"))
  var port = 8_080
  @Option(
    help: ArgumentHelp("What clients call the model (default: the name of its folder or file).", valueName: "name"))
  var name: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Texts to compute together; others wait until one ends.", valueName: "n"))
  var batchSize = usual.batchSize
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Texts that may wait; requests beyond are refused with status 429.", valueName: "n"))
  var maxQueue = usual.queueLength
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Most tokens of an answer (default: as many as the context holds).", valueName: "n"))
  var maxTokens: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Connections at a time; others wait until one is closed.", valueName: "n"))
  var maxConnections = usual.connections
  @Option(parsing: .unconditional, help: ArgumentHelp("Most bytes of a request.", valueName: "bytes"))
  var maxBody = usual.bodyBytes
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds after which a request's texts end where they are.", valueName: "s"))
  var timeLimit = usual.timeLimit
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds to wait for a request, and on a connection without any.", valueName: "s"))
  var idleLimit = usual.idleLimit
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds that requests may go on when the server is to stop.", valueName: "s"))
  var drainLimit = usual.drainLimit

  /// What the options say.
  var limits: ServerLimits {
    var limits = ServerLimits()
    limits.batchSize = batchSize
    limits.queueLength = maxQueue
    limits.connections = maxConnections
    limits.bodyBytes = maxBody
    limits.maxTokens = maxTokens
    limits.timeLimit = timeLimit
    limits.idleLimit = idleLimit
    limits.drainLimit = drainLimit
    return limits
  }

  func validate() throws {
    func require<Value: Comparable>(_ flag: String, _ value: Value, in range: ClosedRange<Value>) throws {
      if range.contains(value) { return }
      throw ValidationError(flag, expected: "from \(range.lowerBound) to \(range.upperBound)", found: "\(value)")
    }
    try require("port", port, in: 0...65_535)
    try require("batch-size", batchSize, in: Self.counts)
    try require("max-queue", maxQueue, in: 0...Self.counts.upperBound)
    try require("max-connections", maxConnections, in: Self.counts)
    try require("max-body", maxBody, in: Self.bodyBytes)
    if let maxTokens { try require("max-tokens", maxTokens, in: 1 ... .max) }
    try require("time-limit", timeLimit, in: Self.seconds)
    try require("idle-limit", idleLimit, in: Self.seconds)
    try require("drain-limit", drainLimit, in: 0...Self.seconds.upperBound)
    if host.isEmpty { throw ValidationError("host", expected: "an address or a name", found: "an empty one") }
    if name?.isEmpty == true { throw ValidationError("name", expected: "at least one character", found: "none") }
  }
}
