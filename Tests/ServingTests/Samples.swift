import DurableFiles
import LanguageModels
import TensorCore
import TestSupport
import TextGeneration
import Tokenization

@testable import Serving

/// A service on a small random model, whose tokens are bytes.
struct Sample: Sendable {
  static let name = "tiny"
  let service: InferenceService
  let model: ServedModel

  /// - Parameters:
  ///   - contextLength: of the model.
  ///   - limits: of the service.
  ///   - chat: how chats are written; ChatML by default.
  ///   - hasDraft: whether it decodes speculatively.
  ///   - endsTexts: whether it may end a text by itself where it takes the most probable tokens.
  /// - Throws: nothing that is expected.
  init(
    contextLength: Int = 256, limits: ServerLimits = ServerLimits(), chat: ServedModel.Chat = .format(.chatML),
    hasDraft: Bool = false, endsTexts: Bool = false
  ) throws {
    let generator = try Self.generator(contextLength: contextLength, hasDraft: hasDraft, endsTexts: endsTexts)
    model = ServedModel(name: Self.name, created: 7, generator, chat: chat)
    service = InferenceService(model, generator, limits: limits)
  }

  static func generator(
    contextLength: Int = 256, hasDraft: Bool = false, endsTexts: Bool = false
  ) throws -> Generator {
    try Generator(
      decoder(contextLength: contextLength, endsTexts: endsTexts), ByteTokenizer(),
      draft: hasDraft ? decoder(contextLength: contextLength, seed: 2) : nil)
  }

  static func decoder(contextLength: Int = 256, seed: UInt64 = 1, endsTexts: Bool = false) -> TransformerDecoder {
    let decoder = TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: 264, hiddenSize: 24, feedForwardSize: 40, layerCount: 2, headCount: 4, keyValueHeadCount: 2,
        contextLength: contextLength, initializerRange: 0.4, eosTokenIDs: []),
      seed: seed, device: Device(threads: 1))
    // logits of 0 are never the largest
    let ends = 256 * 24..<258 * 24
    if !endsTexts { decoder.head.dense(on: decoder.device).withMutableSpan { for place in ends { $0[place] = 0 } } }
    return decoder
  }

  /// What comes of a request.
  func outcome(_ path: String, _ json: String, method: String = "POST") -> InferenceService.Outcome {
    service.respond(method, path, body: Array(json.utf8))
  }

  /// The whole reply to a request.
  func reply(_ path: String, _ json: String = "", method: String = "POST") async throws -> SampleReply {
    switch outcome(path, json, method: method) {
    case .reply(let reply): return try SampleReply(reply)
    case .pending(let pending):
      guard let reply = await pending.whole() else { throw CancellationError() }
      return try SampleReply(reply)
    case .stream: preconditionFailure("a stream")
    }
  }

  func completion(_ json: String) async throws -> SampleReply { try await reply("/v1/completions", json) }

  func chat(_ json: String) async throws -> SampleReply { try await reply("/v1/chat/completions", json) }

  /// The events of a streamed reply, without `data: ` and the blank lines.
  func events(_ path: String, _ json: String) async throws -> [String] {
    guard case .stream(let stream) = outcome(path, json) else { preconditionFailure("no stream") }
    var text = ""
    for await part in stream { text += part }
    return try text.components(ofEvents: ())
  }

  /// Waits until a metric has a value; false where it does not come to that within ten minutes: other tests may hold up
  /// all of Swift's threads for some.
  func wait(for metric: String, toBe value: Int) async throws -> Bool {
    let end = ContinuousClock.now + .seconds(600)
    while .now < end {
      if self.metric(metric) == value { return true }
      try await Task.sleep(for: .milliseconds(10))
    }
    return false
  }

  /// The value of a metric, which is named with its labels.
  func metric(_ name: String) -> Int? {
    service.metrics.text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }.flatMap {
      Int($0.dropFirst(name.count + 1))
    }
  }
}

/// A table of sequences that is stepped by hand. Each is of a request of its own, whose ticket is the sequence's index,
/// unless a test says which.
final class SampleTable {
  let table: SequenceTable
  private let stream: AsyncStream<ChoiceEvent>
  private let continuation: AsyncStream<ChoiceEvent>.Continuation
  private var events: [ChoiceEvent] = []

  init(batchSize: Int, contextLength: Int = 256) throws {
    var limits = ServerLimits()
    limits.batchSize = batchSize
    table = SequenceTable(
      try Sample.generator(contextLength: contextLength), limits: limits, metrics: ServerMetrics())
    (stream, continuation) = AsyncStream<ChoiceEvent>.makeStream()
  }

  func add(
    _ index: Int, ticket: Int? = nil, ids: [Int32] = [97], maxTokens: Int, stop: [String] = [],
    scoresPrompt: Bool = false, arrival: ContinuousClock.Instant = .now
  ) {
    let plan = PlannedSequence(
      request: DecodingRequest(ids: ids, generator: SeededGenerator(seed: 1), maximumTokens: max(1, maxTokens)),
      maxTokens: maxTokens, stop: stop, scoresPrompt: scoresPrompt)
    table.add(
      ScheduledSequence(
        ticket: ticket ?? index, index: index, plan: plan, arrival: arrival, events: continuation))
  }

  func step(times: Int = 1) { for _ in 0..<times { table.step() } }

  /// What has become of a sequence by now.
  func events(of index: Int) async -> [SequenceEvent] {
    // an event of no sequence, which comes behind all others
    continuation.yield(ChoiceEvent(index: -1, event: .rest("")))
    for await event in stream {
      if event.index < 0 { break }
      events.append(event)
    }
    return events.filter { $0.index == index }.map(\.event)
  }
}

extension String {
  /// The events in a text of server-sent events; throws where it is none.
  func components(ofEvents: Void) throws -> [String] {
    try split(separator: "\n\n", omittingEmptySubsequences: true).map { event in
      guard event.hasPrefix("data: ") else { throw FileError.missing(file: String(event), advice: "data:") }
      return String(event.dropFirst("data: ".count))
    }
  }
}

/// A reply in JSON.
struct SampleReply: Sendable {
  let status: Int
  let headers: [Reply.Header]
  let json: JSONValue

  init(_ reply: Reply) throws {
    status = reply.status
    headers = reply.headers
    json = try JSONValue(parsing: reply.body, file: "reply")
  }

  /// The first choice.
  var choice: JSONValue? { json["choices"]?[0] }
  var text: String? { choice?["text"]?.string }
  var error: JSONValue? { json["error"] }
}

extension JSONValue {
  init(_ text: String) throws { try self.init(parsing: Array(text.utf8), file: "event") }

  subscript(_ key: String) -> JSONValue? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  subscript(_ index: Int) -> JSONValue? {
    if case .array(let values) = self, values.indices.contains(index) { values[index] } else { nil }
  }

  var string: String? { if case .string(let value) = self { value } else { nil } }
  var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
  var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
  var keys: [String]? { if case .object(let members) = self { members.keys.sorted() } else { nil } }
}
