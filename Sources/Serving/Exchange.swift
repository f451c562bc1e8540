#if Server
  import Foundation
  import HTTPTypes
  import Hummingbird
  import NIOCore

  /// A request whose body has arrived.
  struct CollectedRequest: Sendable {
    /// The request, which tells when its client goes away.
    let request: Request
    let bytes: [UInt8]
  }

  /// A request on a connection, and its reply.
  struct Exchange: Sendable {
    /// The status that metrics have where the client has gone before its reply, as nginx has it.
    private static let clientGone = 499
    let service: InferenceService
    /// What metrics call the path.
    let path: String
    let channel: any Channel
    private let arrival = ContinuousClock.now

    init(service: InferenceService, path: String, channel: any Channel) {
      self.service = service
      self.path = path
      self.channel = channel
    }

    private var limits: ServerLimits { service.limits }

    /// Waits for the body. Throws where it is too large, or takes too long.
    func collect(_ request: Request) async throws(ServerError) -> CollectedRequest {
      let limits = limits
      if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes {
        throw .bodyTooLarge(limit: limits.bodyBytes)
      }
      do {
        return try await withThrowingTaskGroup(of: CollectedRequest?.self) { group in
          group.addTask {
            var request = request
            let buffer = try await request.collectBody(upTo: limits.bodyBytes)
            return CollectedRequest(request: request, bytes: Array(buffer.readableBytesView))
          }
          group.addTask {
            try await Task.sleep(for: .seconds(limits.idleLimit))
            return nil
          }
          defer { group.cancelAll() }
          guard let collected = try await group.next() ?? nil else {
            throw ServerError.bodyTooSlow(seconds: limits.idleLimit)
          }
          return collected
        }
      } catch let error as ServerError {
        throw error
      } catch is NIOTooManyBytesError {
        throw .bodyTooLarge(limit: limits.bodyBytes)
      } catch let error as HTTPError where error.status == .contentTooLarge {
        throw .bodyTooLarge(limit: limits.bodyBytes)
      } catch {
        // the connection is at its end, or what comes is no HTTP
        throw ServerError(status: 400, message: "the request's body: it cannot be read")
      }
    }

    /// Closes the connection later, whatever is under way on it then.
    @discardableResult
    func closeConnection(after delay: Duration) -> Task<Void, Never> {
      Task {
        do { try await Task.sleep(for: delay) } catch { return }
        channel.close(promise: nil)
      }
    }

    /// A reply; nil where nobody waits for it.
    /// - Parameters:
    ///   - reply: what to send.
    ///   - closes: whether the connection takes no more requests: that its client went away could be seen only by
    ///     reading on.
    /// - Returns: what hummingbird sends.
    func response(_ reply: Reply?, closes: Bool = false) -> Response {
      let status = reply?.status ?? Self.clientGone
      var headers = HTTPFields()
      for header in reply?.headers ?? [] {
        if let name = HTTPField.Name(header.name) { headers[name] = header.value }
      }
      if closes { headers[.connection] = "close" }
      let body = reply?.body ?? []
      return Response(
        status: HTTPResponse.Status(code: status), headers: headers,
        body: ResponseBody(contentLength: body.count) { writer in
          try await timed(status: status, limit: limits.idleLimit) {
            try await writer.write(ByteBuffer(bytes: body))
            try await writer.finish(nil)
          }
        })
    }

    /// A reply of server-sent events to a request.
    func response(_ stream: ReplyStream, to request: Request) -> Response {
      Response(
        status: .ok,
        headers: [.contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache", .connection: "close"],
        body: ResponseBody { writer in
          // the texts grow while they are written
          try await timed(status: 200, limit: limits.timeLimit + limits.idleLimit) {
            try await request.body.consumeWithCancellationOnInboundClose { _ in
              for await text in stream { try await writer.write(ByteBuffer(string: text)) }
              try Task.checkCancellation()
              try await writer.finish(nil)
            }
          }
        })
    }

    /// Writes a reply, in `limit` seconds from now at most, and counts it. A client that does not read it in time is
    /// cut off: here where that holds up the writing; where all of it has been taken for sending, when the connection
    /// has been idle for too long.
    private func timed(status: Int, limit: Double, _ write: () async throws -> Void) async throws {
      let watch = closeConnection(after: .seconds(limit))
      defer { watch.cancel() }
      do {
        try await write()
        count(status)
      } catch {
        count(Self.clientGone)
        throw error
      }
    }

    private func count(_ status: Int) {
      service.metrics.add(request: path, status: status, seconds: arrival.duration(to: .now) / .seconds(1))
    }
  }
#endif
