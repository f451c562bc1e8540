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
  let format: any ReplyFormat
  let choices: [Choice]
  let events: AsyncStream<ChoiceEvent>
  /// Whether a stream ends with the number of tokens.
  let streamsUsage: Bool

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
}

/// A reply as server-sent events, while its texts are being computed; the last one is `[DONE]`, or an error.
struct ReplyStream: AsyncSequence, Sendable {
  let reply: PendingReply

  func makeAsyncIterator() -> Iterator { Iterator(reply) }

  struct Iterator: AsyncIteratorProtocol {
    private let reply: PendingReply
    private var choices: [Choice]
    private var events: AsyncStream<ChoiceEvent>.Iterator
    /// The texts that have not ended.
    private var open: Int
    private var hasBegun = false
    private var hasEnded = false

    fileprivate init(_ reply: PendingReply) {
      self.reply = reply
      choices = reply.choices
      events = reply.events.makeAsyncIterator()
      open = choices.count
    }

    /// The next events, at least one, as they are sent; nil behind the last one, and where the task was cancelled.
    mutating func next() async -> String? {
      if !hasBegun {
        hasBegun = true
        let first = reply.format.firstParts(count: choices.count)
        if !first.isEmpty { return first.map { message(choices: [$0]) }.joined() }
      }
      while !hasEnded, let event = await events.next() {
        do throws(ServerError) {
          let part = try choices[event.index].take(event.event)
          if part.end != nil { open -= 1 }
          hasEnded = open == 0
          let text = part == ChoicePart() ? "" : message(choices: [reply.format.part(event.index, part)])
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
      Self.data(reply.format.part(choices: choices, usage: reply.streamsUsage ? .null : nil).text())
    }

    private var usage: String {
      guard reply.streamsUsage else { return "" }
      let usage = reply.format.header.usage(generated: choices.reduce(0) { $0 + $1.generatedCount })
      return Self.data(reply.format.part(choices: [], usage: usage).text())
    }

    private static func data(_ text: String) -> String { "data: \(text)\n\n" }
  }
}
