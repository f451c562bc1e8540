import DurableFiles
import Foundation
package import TextGeneration

/// What a server does, without the network: it reads requests, has their sequences computed, and writes replies.
package final class InferenceService: Sendable {
  /// What comes of a request.
  enum Outcome: Sendable {
    /// The reply.
    case reply(Reply)
    /// Texts that are being computed, to be sent when they are complete.
    case pending(PendingReply)
    /// Texts that are being computed, to be sent as they grow.
    case stream(ReplyStream)
  }

  let limits: ServerLimits
  let metrics = ServerMetrics()
  private let model: ServedModel
  private let scheduler: Scheduler

  /// Starts a thread, which ends after `drain()`.
  /// - Parameters:
  ///   - model: what is served.
  ///   - generator: what continues its texts; the service's own from now on.
  ///   - limits: how much it takes on.
  package init(_ model: ServedModel, _ generator: sending Generator, limits: ServerLimits) {
    self.model = model
    self.limits = limits
    scheduler = Scheduler(generator, limits: limits, metrics: metrics)
  }

  /// Takes no more requests; those that are there go on, for `drainLimit` at most.
  package func drain() { scheduler.drain() }

  /// Returns when all sequences have ended after `drain()`.
  func waitForEnd() async { await scheduler.waitForEnd() }

  /// What stands before a model's name in the path of its object.
  private static let modelPrefix = "/v1/models/"
  /// The route of all models' objects.
  private static let modelRoute = "/v1/models/{model}"

  /// The methods and paths that there are, and what each does.
  private static let routes = [
    "/v1/completions": "POST", "/v1/chat/completions": "POST", "/v1/models": "GET", modelRoute: "GET",
    "/health": "GET", "/metrics": "GET",
  ]

  /// The route that a path is of, itself where it has no name in it.
  private static func route(_ path: String) -> String {
    path.hasPrefix(modelPrefix) && path != modelPrefix ? modelRoute : path
  }

  /// What metrics call a path: its route, or `other`.
  static func label(_ path: String) -> String {
    let route = route(path)
    return routes[route] == nil ? "other" : route
  }

  /// Throws where there is no such path, or it has another method.
  func requireRoute(_ method: String, _ path: String) throws(ServerError) {
    guard let expected = Self.routes[Self.route(path)] else { throw .unknownPath(path) }
    guard method == expected else { throw .wrongMethod(method, path, allow: expected) }
  }

  /// Answers a request whose body has arrived.
  func respond(_ method: String, _ path: String, body: [UInt8]) -> Outcome {
    do throws(ServerError) {
      try requireRoute(method, path)
      switch Self.route(path) {
      case "/v1/completions": return try completions(RequestFields(body: body))
      case "/v1/chat/completions": return try chat(RequestFields(body: body))
      case "/v1/models": return .reply(Reply(.object(["object": .string("list"), "data": .array([modelObject])])))
      case Self.modelRoute:
        let name = path.dropFirst(Self.modelPrefix.count)
        try model.requireName(name.removingPercentEncoding ?? String(name))
        return .reply(Reply(modelObject))
      case "/metrics": return .reply(Reply(metrics: metrics.text))
      default: return .reply(health)
      }
    } catch {
      return .reply(Reply(error))
    }
  }

  private var modelObject: JSONValue {
    .object([
      "id": .string(model.name), "object": .string("model"), "created": .integer(model.created),
      "owned_by": .string("limbeck"),
    ])
  }

  private var health: Reply {
    scheduler.isDraining ? Reply(ServerError.stopping) : Reply(.object(["status": .string("ok")]))
  }

  private func completions(_ fields: RequestFields) throws(ServerError) -> Outcome {
    let request = try CompletionRequest(fields, randomSeed: .random(in: .min ... .max))
    try limits.requireCapacity(prompts: request.prompts.count, choices: request.settings.choiceCount)
    try model.requireName(fields)
    let prompts = try model.prompts(request)
    let sequences = try model.sequences(request, prompts, limit: limits.maxTokens)
    let choices = prompts.flatMap { prompt in
      [Choice](
        repeating: Choice(
          prompt, echoes: request.echo, listsTokens: request.logprobs != nil, tokenizer: model.tokenizer),
        count: request.settings.choiceCount)
    }
    let header = header("cmpl", prompts, hasLogProbabilities: request.logprobs != nil)
    return try outcome(CompletionFormat(header: header), choices, sequences, request.settings)
  }

  private func chat(_ fields: RequestFields) throws(ServerError) -> Outcome {
    let request = try ChatRequest(fields, randomSeed: .random(in: .min ... .max))
    try limits.requireCapacity(prompts: 1, choices: request.settings.choiceCount)
    try model.requireName(fields)
    let prompt = try model.prompt(request)
    let sequences = try model.sequences(request, prompt, limit: limits.maxTokens)
    let choice = Choice(prompt, echoes: false, listsTokens: request.logprobs != nil, tokenizer: model.tokenizer)
    let header = header("chatcmpl", [prompt], hasLogProbabilities: request.logprobs != nil)
    return try outcome(
      ChatReplyFormat(header: header), [Choice](repeating: choice, count: request.settings.choiceCount), sequences,
      request.settings)
  }

  private func header(_ kind: String, _ prompts: [ServedPrompt], hasLogProbabilities: Bool) -> ReplyHeader {
    ReplyHeader(
      id: "\(kind)-\(UUID().uuidString.lowercased())", created: Int(Date().timeIntervalSince1970), model: model.name,
      promptTokenCount: prompts.reduce(0) { $0 + $1.ids.count }, hasLogProbabilities: hasLogProbabilities)
  }

  private func outcome(
    _ format: any ReplyFormat, _ choices: [Choice], _ sequences: [PlannedSequence], _ settings: GenerationSettings
  ) throws(ServerError) -> Outcome {
    let pending = PendingReply(
      format: format, choices: choices, events: try scheduler.submit(sequences), streamsUsage: settings.streamsUsage)
    return settings.streams ? .stream(ReplyStream(reply: pending)) : .pending(pending)
  }
}
