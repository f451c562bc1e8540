import Dispatch
import DurableFiles
import LanguageModels
import TensorCore
import TestSupport
import Testing
import TextGeneration
import Tokenization

@testable import Serving

@Suite("Scheduler") struct SchedulerTests {
  /// A text that goes on for minutes, unless somebody ends it: no token ends it.
  private static let endless = #"{"prompt": [97], "max_tokens": 1000000, "temperature": 0, "stream": true}"#

  private static func sample(_ change: (inout ServerLimits) -> Void) throws -> Sample {
    var limits = ServerLimits()
    change(&limits)
    return try Sample(contextLength: 1_000_000, limits: limits)
  }

  private static func stream(_ sample: Sample) throws -> ReplyStream {
    guard case .stream(let stream) = sample.outcome("/v1/completions", endless) else {
      throw ServerError(status: 0, message: "no stream")
    }
    return stream
  }

  private static func completion(_ sample: Sample, seed: Int) async throws -> String? {
    try await sample.completion(#"{"prompt": "the \#(seed)", "max_tokens": 30, "temperature": 0, "logprobs": 0}"#).text
  }

  @Test("Requests that come at the same time get the texts that they get alone", arguments: [1, 3, 64])
  func together(batchSize: Int) async throws {
    let sample = try Self.sample { $0.batchSize = batchSize }
    defer { sample.service.drain() }
    var alone: [String?] = []
    for seed in 0..<20 { alone.append(try await Self.completion(sample, seed: seed)) }
    let together = try await withThrowingTaskGroup(of: (Int, String?).self) { group in
      for seed in 0..<20 { group.addTask { (seed, try await Self.completion(sample, seed: seed)) } }
      var texts = [String?](repeating: nil, count: 20)
      for try await (seed, text) in group { texts[seed] = text }
      return texts
    }
    #expect(together == alone)
    #expect(Set(alone.compactMap(\.self)).count > 1)
    #expect(sample.metric("limbeck_generated_tokens_total") == 2 * 20 * 30)
  }

  @Test("A short text joins and leaves while a long one goes on")
  func joins() async throws {
    let sample = try Self.sample { $0.batchSize = 2 }
    defer { sample.service.drain() }
    var events = try Self.stream(sample).makeAsyncIterator()
    #expect(await events.next() != nil)
    #expect(try await Self.completion(sample, seed: 1) != nil)
    #expect(await events.next() != nil)
  }

  @Test("A prompt is scored while all places are taken")
  func scores() async throws {
    let sample = try Self.sample { $0.batchSize = 1 }
    defer { sample.service.drain() }
    var events = try Self.stream(sample).makeAsyncIterator()
    #expect(await events.next() != nil)
    let reply = try await sample.completion(#"{"prompt": "the cat", "max_tokens": 0, "echo": true, "logprobs": 0}"#)
    #expect(reply.choice?["logprobs"]?["tokens"]?.array?.count == 5)
    #expect(await events.next() != nil)
  }

  @Test("A text that nobody reads any more leaves its place to another")
  func abandoned() async throws {
    let sample = try Self.sample { $0.batchSize = 1 }
    defer { sample.service.drain() }
    let reader = Task {
      var count = 0
      for await _ in try Self.stream(sample) { count += 1 }
      return count
    }
    #expect(try await sample.wait(for: "limbeck_sequences_running", toBe: 1))
    reader.cancel()
    #expect(try await reader.value < 1_000_000)
    #expect(try await sample.wait(for: "limbeck_sequences_running", toBe: 0))
    let count = sample.metric("limbeck_generated_tokens_total")
    #expect(try await Self.completion(sample, seed: 1) != nil)
    #expect(sample.metric("limbeck_generated_tokens_total") == count.map { $0 + 30 })
  }

  @Test("A request whose task is cancelled while it waits has no reply, and its place is free")
  func cancelled() async throws {
    let sample = try Self.sample { $0.batchSize = 1 }
    defer { sample.service.drain() }
    let waiting = Task { try await sample.completion(#"{"prompt": [97], "max_tokens": 1000000, "temperature": 0}"#) }
    #expect(try await sample.wait(for: "limbeck_sequences_running", toBe: 1))
    waiting.cancel()
    await #expect(throws: CancellationError.self) { _ = try await waiting.value }
    #expect(try await sample.wait(for: "limbeck_sequences_running", toBe: 0))
  }

  @Test("Requests beyond the queue are refused with 429, all of their texts or none")
  func queue() async throws {
    let sample = try Self.sample {
      $0.batchSize = 1
      $0.queueLength = 1
    }
    defer { sample.service.drain() }
    var first = try Self.stream(sample).makeAsyncIterator()
    #expect(await first.next() != nil)
    let second = try await sample.completion(#"{"prompt": "a", "n": 2}"#)
    #expect(second.status == 429)
    #expect(second.error?["code"]?.string == "rate_limit_exceeded")
    #expect(second.headers.contains(Reply.Header(name: "Retry-After", value: "1")))
    let third = try Self.stream(sample)
    #expect(try await sample.wait(for: "limbeck_sequences_waiting", toBe: 1))
    #expect(try await sample.completion(#"{"prompt": "a"}"#).status == 429)
    let tooMany = try await sample.completion(#"{"prompt": ["a", "b", "c"]}"#)
    #expect(tooMany.status == 400)
    #expect(tooMany.error?["message"]?.string?.contains("at most 2 texts") == true)
    #expect(await first.next() != nil)
    withExtendedLifetime(third) {}
  }

  @Test("A text ends where it is when its time is over")
  func timeLimit() async throws {
    let sample = try Self.sample { $0.timeLimit = 1 }
    defer { sample.service.drain() }
    let reply = try await sample.completion(#"{"prompt": [97], "max_tokens": 1000000, "temperature": 0}"#)
    #expect(reply.status == 200)
    #expect(reply.choice?["finish_reason"]?.string == "length")
    #expect(try #require(reply.json["usage"]?["completion_tokens"]?.integer) > 0)
  }

  @Test("One whose time is over before it has a token is an error, whether it waits or its prompt is being scored")
  func late() async throws {
    let sample = try SampleTable(batchSize: 1, contextLength: 2_000)
    let arrival = ContinuousClock.now
    // more than are scored in a step
    let ids = [Int32](repeating: 97, count: 1_500)
    for index in 0..<2 { sample.add(index, ids: ids, maxTokens: 5, scoresPrompt: true, arrival: arrival) }
    sample.add(2, maxTokens: 5, arrival: arrival)
    sample.step()
    sample.add(3, maxTokens: 0, scoresPrompt: true, arrival: arrival)
    sample.table.expire(at: arrival + .seconds(599))
    #expect(sample.table.count == 4)
    sample.table.expire(at: arrival + .seconds(600))
    #expect(sample.table.count == 0)
    for index in 0..<4 { #expect(await sample.events(of: index) == [.failed(.timeLimit(seconds: 600))]) }
  }

  @Test("When the time is over a request keeps the texts that it has, and its others are empty", arguments: [1, 100])
  func partly(maxTokens: Int) async throws {
    let sample = try SampleTable(batchSize: 1)
    let arrival = ContinuousClock.now
    // the first has ended or goes on, the second waits for its place; another request waits as well
    sample.add(0, ticket: 7, maxTokens: maxTokens, arrival: arrival)
    sample.add(1, ticket: 7, maxTokens: 5, arrival: arrival)
    sample.add(2, maxTokens: 5, arrival: arrival)
    sample.step()
    sample.table.expire(at: arrival + .seconds(600))
    #expect(sample.table.count == 0)
    #expect(await sample.events(of: 0).last == .ended(.length))
    #expect(await sample.events(of: 1) == [.ended(.length)])
    #expect(await sample.events(of: 2) == [.failed(.timeLimit(seconds: 600))])
    // nothing is left of the request with its last sequence
    sample.add(3, ticket: 7, maxTokens: 5, arrival: arrival)
    sample.table.lastDeadline = arrival + .seconds(10)
    sample.table.expire(at: arrival + .seconds(10))
    #expect(await sample.events(of: 3) == [.failed(.stopping)])
  }

  @Test("A request is forgotten when its last text has ended or been cancelled")
  func forgotten() async throws {
    let sample = try SampleTable(batchSize: 1)
    let arrival = ContinuousClock.now
    sample.add(0, ticket: 7, maxTokens: 1, arrival: arrival)
    sample.step()
    sample.add(1, ticket: 8, maxTokens: 9, arrival: arrival)
    sample.step()
    sample.table.cancel([8])
    #expect(sample.table.count == 0)
    for index in 2..<4 { sample.add(index, ticket: index + 5, maxTokens: 5, arrival: arrival) }
    sample.table.expire(at: arrival + .seconds(600))
    for index in 2..<4 { #expect(await sample.events(of: index) == [.failed(.timeLimit(seconds: 600))]) }
  }

  @Test("A prompt whose log-probabilities are not there when the time is over is an error, whatever the others have")
  func partlyScored() async throws {
    let sample = try SampleTable(batchSize: 1)
    let arrival = ContinuousClock.now
    for index in 0..<2 {
      sample.add(index, ticket: 7, ids: [97, 98], maxTokens: 100, scoresPrompt: true, arrival: arrival)
    }
    sample.step(times: 2)
    sample.table.expire(at: arrival + .seconds(600))
    #expect(await sample.events(of: 0).last == .ended(.length))
    #expect(await sample.events(of: 1) == [.failed(.timeLimit(seconds: 600))])
  }

  @Test("A text that has none yet when the server's time is over is told that the server stops")
  func stopping() async throws {
    let sample = try SampleTable(batchSize: 1)
    let arrival = ContinuousClock.now
    sample.add(0, maxTokens: 5, arrival: arrival)
    sample.table.lastDeadline = arrival + .seconds(10)
    sample.table.expire(at: arrival + .seconds(9))
    #expect(sample.table.count == 1)
    sample.table.expire(at: arrival + .seconds(10))
    #expect(sample.table.count == 0)
    #expect(await sample.events(of: 0) == [.failed(.stopping)])
  }

  @Test("A text that is cut off by the time has all that its tokens say, also what may have become a stop string")
  func heldText() async throws {
    let arrival = ContinuousClock.now
    func text(stop: [String]) async throws -> (choice: Choice, rest: String?) {
      let sample = try SampleTable(batchSize: 1)
      sample.add(0, maxTokens: 1_000, stop: stop, arrival: arrival)
      sample.step(times: 8)
      sample.table.expire(at: arrival + .seconds(600))
      var choice = Choice(
        ServedPrompt(ids: [97], firstListed: 0, text: "a"), echoes: false, listsTokens: false,
        tokenizer: ByteTokenizer())
      var rest: String?
      for event in await sample.events(of: 0) {
        if case .rest(let text) = event { rest = text }
        _ = try choice.take(event)
      }
      return (choice, rest)
    }
    let whole = try await text(stop: []).choice.whole
    try #require(!whole.text.isEmpty)
    #expect(whole.end == .length)
    let held = try await text(stop: [whole.text + "never"])
    #expect(held.rest == whole.text)
    #expect(held.choice.whole == whole)
  }

  @Test("A text goes on while others wait that end with their first token")
  func shortTexts() async throws {
    let sample = try SampleTable(batchSize: 4)
    sample.add(0, maxTokens: 100)
    sample.step()
    for index in 1...200 { sample.add(index, maxTokens: 1) }
    sample.step(times: 10)
    // three places beside it
    #expect(sample.table.count == 201 - 10 * 3)
    // the first step brings two
    #expect(await sample.events(of: 0).count == 2 + 10)
  }

  @Test("Long prompts are computed one at a time, between two tokens of the others")
  func longPrompts() async throws {
    let sample = try SampleTable(batchSize: 8, contextLength: 2_000)
    for index in 0..<3 { sample.add(index, ids: [Int32](repeating: 97, count: 1_200), maxTokens: 9) }
    sample.step(times: 2)
    let found = await [sample.events(of: 0).count, sample.events(of: 1).count, sample.events(of: 2).count]
    #expect(found == [3, 2, 0])
  }

  @Test("A prompt that is scored and then continued waits for a place; one that is only scored does not")
  func scoredPlaces() async throws {
    let sample = try SampleTable(batchSize: 1)
    sample.add(0, maxTokens: 100)
    sample.step()
    sample.add(1, ids: [97, 98], maxTokens: 3, scoresPrompt: true)
    sample.add(2, ids: [97, 98], maxTokens: 0, scoresPrompt: true)
    sample.step(times: 5)
    #expect(await sample.events(of: 1).isEmpty)
    #expect(await sample.events(of: 2).count == 2)
    sample.table.cancel([0])
    sample.step(times: 5)
    #expect(sample.table.count == 0)
    // its scores, its tokens, its end
    #expect(await sample.events(of: 1).count == 1 + 3 + 1)
  }

  /// Holds a sequence up until it is opened.
  private struct Gate: LogitsProcessor {
    let semaphore = DispatchSemaphore(value: 0)

    func open() { semaphore.signal() }

    func processLogits(_ logits: inout MutableSpan<Float>, history: TokenHistory) {
      semaphore.wait()
      semaphore.signal()
    }
  }

  @Test("Draining lets texts finish, refuses new ones with 503, and ends")
  func drain() async throws {
    let scheduler = Scheduler(try Sample.generator(), limits: ServerLimits(), metrics: ServerMetrics())
    let gate = Gate()
    let plan = PlannedSequence(
      request: DecodingRequest(
        ids: [97], sampler: TokenSampler([gate]), generator: SeededGenerator(seed: 1), maximumTokens: 5),
      maxTokens: 5, stop: [], scoresPrompt: false)
    let stream = try scheduler.submit([plan])
    scheduler.drain()
    #expect(scheduler.isDraining)
    #expect(throws: ServerError.stopping) { _ = try scheduler.submit([plan]) }
    gate.open()
    var tokens = 0
    for await event in stream {
      if case .token = event.event { tokens += 1 }
      if case .ended(let end) = event.event {
        #expect(end == .length)
        break
      }
    }
    #expect(tokens == 5)
    await scheduler.waitForEnd()
  }

  @Test("Draining lets texts finish that still wait for a place")
  func drainWaiting() async throws {
    var limits = ServerLimits()
    limits.batchSize = 1
    let scheduler = Scheduler(try Sample.generator(), limits: limits, metrics: ServerMetrics())
    let gate = Gate()
    let plan = PlannedSequence(
      request: DecodingRequest(
        ids: [97], sampler: TokenSampler([gate]), generator: SeededGenerator(seed: 1), maximumTokens: 5),
      maxTokens: 5, stop: [], scoresPrompt: false)
    let streams = try (0..<3).map { _ in try scheduler.submit([plan]) }
    scheduler.drain()
    gate.open()
    for stream in streams {
      var tokens = 0
      for await event in stream {
        if case .token = event.event { tokens += 1 }
        if case .ended = event.event { break }
      }
      #expect(tokens == 5)
    }
    await scheduler.waitForEnd()
  }

  @Test("A request that still waits when the server's time is over is refused with 503")
  func drainLimitWaiting() async throws {
    let sample = try Self.sample { ($0.batchSize, $0.drainLimit) = (1, 0) }
    async let first = sample.completion(#"{"prompt": [97], "max_tokens": 1000000, "temperature": 0}"#)
    #expect(try await sample.wait(for: "limbeck_sequences_running", toBe: 1))
    async let second = sample.completion(#"{"prompt": "a"}"#)
    #expect(try await sample.wait(for: "limbeck_sequences_waiting", toBe: 1))
    sample.service.drain()
    #expect(try await first.status == 200)
    #expect(try await second.error?["code"]?.string == "shutting_down")
    await sample.service.waitForEnd()
  }

  @Test("A service that has been drained says so")
  func drained() async throws {
    let sample = try Sample()
    sample.service.drain()
    let refused = try await sample.completion(#"{"prompt": "a"}"#)
    #expect(refused.status == 503)
    #expect(refused.error?["code"]?.string == "shutting_down")
    #expect(try await sample.reply("/health", method: "GET").status == 503)
    await sample.service.waitForEnd()
    #expect(try await sample.completion(#"{"prompt": "a"}"#).status == 503)
  }

  @Test("Draining ends texts that take longer than they may")
  func drainLimit() async throws {
    let sample = try Self.sample { $0.drainLimit = 0 }
    async let text = sample.completion(#"{"prompt": [97], "max_tokens": 1000000, "temperature": 0}"#)
    #expect(try await sample.wait(for: "limbeck_sequences_running", toBe: 1))
    sample.service.drain()
    #expect(try await text.choice?["finish_reason"]?.string == "length")
    await sample.service.waitForEnd()
  }

  @Test("Weights that are not finite are an error of the server, in a stream as well", arguments: [0, 1])
  func damaged(maxTokens: Int) async throws {
    let decoder = Sample.decoder()
    decoder.head.dense(on: decoder.device).withMutableSpan { $0[5] = .nan }
    let generator = try Generator(decoder, ByteTokenizer())
    let model = ServedModel(name: "broken", created: 0, generator, chat: .format(.chatML))
    let service = InferenceService(model, generator, limits: ServerLimits())
    defer { service.drain() }
    let json = #"{"prompt": "the cat", "max_tokens": \#(maxTokens), "echo": true, "logprobs": 1"#
    guard case .pending(let pending) = service.respond("POST", "/v1/completions", body: Array("\(json)}".utf8)),
      case .stream(let stream) = service.respond(
        "POST", "/v1/completions", body: Array("\(json), \"stream\": true}".utf8))
    else { preconditionFailure("an error too early") }
    let reply = try SampleReply(try #require(await pending.whole()))
    #expect(reply.status == 500)
    #expect(reply.error?["type"]?.string == "server_error")
    var text = ""
    for await part in stream { text += part }
    let events = try text.components(ofEvents: ())
    #expect(events.count == 1)
    #expect(try JSONValue(try #require(events.first))["error"]?["type"]?.string == "server_error")
  }
}
