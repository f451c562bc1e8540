import DurableFiles
import Foundation

/// What a server says to a request.
struct Reply: Sendable {
  /// A name and a value of HTTP.
  struct Header: Sendable, Equatable {
    let name: String
    let value: String
  }

  let status: Int
  let headers: [Header]
  let body: [UInt8]

  private init(status: Int, type: String, headers: [Header] = [], body: [UInt8]) {
    self.status = status
    self.headers = [Header(name: "Content-Type", value: type)] + headers
    self.body = body
  }

  /// An object in JSON.
  init(_ json: JSONValue, status: Int = 200) {
    self.init(status: status, type: "application/json", body: Array(json.text().utf8))
  }

  /// Metrics, as Prometheus reads them.
  init(metrics: String) {
    self.init(status: 200, type: "text/plain; version=0.0.4; charset=utf-8", body: Array(metrics.utf8))
  }

  /// An error.
  init(_ error: ServerError) {
    let headers = [
      error.retryAfter.map { Header(name: "Retry-After", value: "\($0)") },
      error.allow.map { Header(name: "Allow", value: $0) },
    ]
    self.init(
      status: error.status, type: "application/json", headers: headers.compactMap(\.self),
      body: Array(error.json.text().utf8))
  }
}

/// The texts that a request has asked for while they are being computed.
struct PendingReply: Sendable {
  private let format: any ReplyFormat
  private let choices: [Choice]
  private let events: AsyncStream<ChoiceEvent>
  /// Whether a stream ends with the number of tokens.
  private let streamsUsage: Bool

  init(_ format: any ReplyFormat, _ choices: [Choice], events: AsyncStream<ChoiceEvent>, streamsUsage: Bool) {
    self.format = format
    self.choices = choices
    self.events = events
    self.streamsUsage = streamsUsage
  }

  /// Waits for the ends of all texts.
  /// - Returns: the whole reply; an error where one of them cannot be computed; nil where the task was cancelled.
  func whole() async -> Reply? {
    var choices = choices
    var open = choices.count
    for await event in events {
      do throws(ServerError) {
        if try choices[event.index].take(event.event).end != nil { open -= 1 }
      } catch {
        return Reply(error)
      }
      if open == 0 { return Reply(format.whole(choices)) }
    }
    return nil
  }

  /// The reply as server-sent events, each whole; the last one is `[DONE]`, or an error.
  var stream: ReplyStream { ReplyStream(format, choices, events: events, streamsUsage: streamsUsage) }
}

/// A reply as a sequence of server-sent events.
struct ReplyStream: AsyncSequence, Sendable {
  private let format: any ReplyFormat
  private let choices: [Choice]
  private let events: AsyncStream<ChoiceEvent>
  private let streamsUsage: Bool

  init(_ format: any ReplyFormat, _ choices: [Choice], events: AsyncStream<ChoiceEvent>, streamsUsage: Bool) {
    self.format = format
    self.choices = choices
    self.events = events
    self.streamsUsage = streamsUsage
  }

  func makeAsyncIterator() -> Iterator {
    Iterator(format: format, choices: choices, events: events.makeAsyncIterator(), streamsUsage: streamsUsage)
  }

  struct Iterator: AsyncIteratorProtocol {
    let format: any ReplyFormat
    var choices: [Choice]
    var events: AsyncStream<ChoiceEvent>.Iterator
    let streamsUsage: Bool
    private var open: Int
    private var hasBegun = false
    private var hasEnded = false

    init(
      format: any ReplyFormat, choices: [Choice], events: AsyncStream<ChoiceEvent>.Iterator, streamsUsage: Bool
    ) {
      self.format = format
      self.choices = choices
      self.events = events
      self.streamsUsage = streamsUsage
      open = choices.count
    }

    /// The next events, at least one, as they are sent; nil behind the last one, and where the task was cancelled.
    mutating func next() async -> String? {
      if !hasBegun {
        hasBegun = true
        let first = format.firstParts(count: choices.count)
        if !first.isEmpty { return first.map { message(choices: [$0]) }.joined() }
      }
      while !hasEnded, let event = await events.next() {
        do throws(ServerError) {
          let part = try choices[event.index].take(event.event)
          if part.end != nil { open -= 1 }
          let text =
            part.text.isEmpty && part.tokens.isEmpty && part.end == nil
            ? "" : message(choices: [format.part(event.index, part)])
          hasEnded = open == 0
          if hasEnded { return text + usage + Self.data("[DONE]") }
          if !text.isEmpty { return text }
        } catch {
          hasEnded = true
          return Self.data(error.json.text())
        }
      }
      return nil
    }

    /// With usage, the other objects have null in its place.
    private func message(choices: [JSONValue]) -> String {
      Self.data(
        format.object(type(of: format).object.part, choices: choices, usage: streamsUsage ? .null : nil).text())
    }

    private var usage: String {
      guard streamsUsage else { return "" }
      let usage = format.header.usage(generated: choices.reduce(0) { $0 + $1.generatedCount })
      return Self.data(format.object(type(of: format).object.part, choices: [], usage: usage).text())
    }

    private static func data(_ text: String) -> String { "data: \(text)\n\n" }
  }
}
