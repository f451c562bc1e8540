#if Server
  import DurableFiles
  import Foundation
  import Testing

  @testable import Serving

  @Suite("Network") struct NetworkTests {
    private static let path = "/v1/completions"
    private static let goneRequests = #"limbeck_requests_total{path="/v1/completions",status="499"}"#
    private static let endless = #"{"prompt": [97], "max_tokens": 1000000, "temperature": 0"#

    /// Runs a server at a free port, and drains it when the body has ended.
    private func serving(
      _ change: (inout ServerLimits) -> Void = { _ in }, _ body: (Sample, _ port: Int) async throws -> Void
    ) async throws {
      var limits = ServerLimits()
      limits.drainLimit = 0
      change(&limits)
      let sample = try Sample(contextLength: 1_000_000, limits: limits)
      let (ports, found) = AsyncStream<Int>.makeStream()
      let server = InferenceServer(sample.service, host: "127.0.0.1", port: 0)
      let run = Task { try await server.run { found.yield($0) } }
      var iterator = ports.makeAsyncIterator()
      let port = try #require(await iterator.next())
      do { try await body(sample, port) } catch {
        sample.service.drain()
        throw error
      }
      sample.service.drain()
      try await run.value
    }

    /// The body of a reply in JSON.
    private func json(_ reply: String) throws -> JSONValue {
      let body = try #require(reply.range(of: "\r\n\r\n")).upperBound
      return try JSONValue(String(reply[body...]))
    }

    @Test("Requests are answered over HTTP, also several on one connection")
    func answers() async throws {
      try await serving { sample, port in
        let health = try await Client.get("/health", port: port)
        #expect(health.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(try json(health) == .object(["status": .string("ok")]))
        let reply = try await Client.post(#"{"prompt": "a", "max_tokens": 3}"#, to: Self.path, port: port)
        #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(reply.contains("Content-Type: application/json\r\n"))
        #expect(try json(reply)["usage"]?["completion_tokens"]?.integer == 3)
        let client = try Client(port: port)
        for _ in 0..<3 {
          client.send("GET /health?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
          #expect(await client.receive { $0.hasSuffix("}") }.hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
        let metrics = try await Client.get("/metrics", port: port)
        #expect(metrics.contains("Content-Type: text/plain; version=0.0.4"))
        #expect(metrics.contains(#"limbeck_requests_total{path="/health",status="200"} 4"#))
        #expect(metrics.contains(#"limbeck_requests_total{path="/v1/completions",status="200"} 1"#))
      }
    }

    @Test("A stream arrives as server-sent events, in chunks")
    func stream() async throws {
      try await serving { sample, port in
        let reply = try await Client.post(
          #"{"prompt": "a", "max_tokens": 3, "stream": true, "temperature": 0}"#, to: Self.path, port: port)
        #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(reply.contains("Content-Type: text/event-stream; charset=utf-8\r\n"))
        #expect(reply.lowercased().contains("transfer-encoding: chunked\r\n"))
        #expect(reply.contains("data: [DONE]\n\n\r\n0\r\n\r\n"))
      }
    }

    @Test("A client that goes away frees its sequence", arguments: [false, true])
    func goesAway(streams: Bool) async throws {
      try await serving { sample, port in
        let client = try Client(port: port)
        let json = Self.endless + #", "stream": \#(streams)}"#
        client.send(
          "POST \(Self.path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)")
        #expect(try await sample.wait(for: "limbeck_sequences_running", toBe: 1))
        if streams { #expect(await client.receive { $0.contains("data: ") }.contains("text_completion")) }
        client.close()
        #expect(try await sample.wait(for: "limbeck_sequences_running", toBe: 0))
        #expect(try await sample.wait(for: Self.goneRequests, toBe: 1))
      }
    }

    @Test("A body that is too large is refused with 413, whether its length is known or not")
    func largeBody() async throws {
      try await serving {
        $0.bodyBytes = 1_024
      } _: { _, port in
        let known = try Client(port: port)
        known.send("POST \(Self.path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
        let refused = await known.receive()
        #expect(refused.hasPrefix("HTTP/1.1 413 "))
        #expect(try json(refused)["error"]?["code"]?.string == "request_too_large")
        let unknown = try Client(port: port)
        unknown.send("POST \(Self.path) HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in 0..<8 { unknown.send("100\r\n\(String(repeating: "x", count: 256))\r\n") }
        #expect(await unknown.receive().hasPrefix("HTTP/1.1 413 "))
      }
    }

    @Test("A client that is too slow with its header or its body is cut off")
    func slow() async throws {
      try await serving {
        $0.idleLimit = 0.5
      } _: { _, port in
        let header = try Client(port: port)
        header.send("POST /v1/comple")
        #expect(await header.receive().isEmpty)
        let body = try Client(port: port)
        body.send("POST \(Self.path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        let reply = await body.receive()
        #expect(reply.hasPrefix("HTTP/1.1 408 "), "\(reply)")
        #expect(try json(reply)["error"]?["code"]?.string == "request_timeout")
        let idle = try Client(port: port)
        #expect(await idle.receive().isEmpty)
        #expect(try await Client.get("/health", port: port).hasPrefix("HTTP/1.1 200 OK\r\n"))
      }
    }

    @Test("A client that does not read its reply is cut off when its time is over")
    func slowReader() async throws {
      try await serving {
        $0.idleLimit = 2
        $0.timeLimit = 1
      } _: { sample, port in
        let client = try Client(port: port, bufferSize: 4_096)
        // more than the sockets hold
        let text = String(repeating: #"\u0001"#, count: 10_000)
        let json = #"{"prompt": "\#(text)", "max_tokens": 0, "echo": true, "n": 128}"#
        client.send(
          "POST \(Self.path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)")
        #expect(try await sample.wait(for: "limbeck_request_seconds_count", toBe: 1))
        // by then the connection is idle, or its time is over: what the server still had is lost
        try await Task.sleep(for: .seconds(5))
        #expect(await client.receive().utf8.count < 128 * 60_000)
      }
    }

    @Test("A connection beyond the limit waits until another is closed")
    func connections() async throws {
      try await serving {
        $0.connections = 1
      } _: { sample, port in
        let first = try Client(port: port)
        first.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(await first.receive { $0.hasSuffix("}") }.hasPrefix("HTTP/1.1 200 OK\r\n"))
        async let second = Client.get("/health", port: port)
        try await Task.sleep(for: .milliseconds(300))
        #expect(sample.metric(#"limbeck_requests_total{path="/health",status="200"}"#) == 1)
        first.close()
        #expect(try await second.hasPrefix("HTTP/1.1 200 OK\r\n"))
      }
    }

    @Test("What is no HTTP is refused, and the server goes on")
    func malformed() async throws {
      try await serving { _, port in
        for text in [
          "\0\u{1}\u{2}nonsense\r\n\r\n", "GET /health\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        ] {
          let client = try Client(port: port)
          client.send(text)
          let reply = await client.receive()
          #expect(reply.hasPrefix("HTTP/1.1 400 "), "\(text): \(reply)")
        }
        let invalid = try await Client.post("{\"prompt\": ", to: Self.path, port: port)
        #expect(invalid.hasPrefix("HTTP/1.1 400 "))
        #expect(try json(invalid)["error"]?["code"]?.string == "invalid_json")
        #expect(try await Client.get("/health", port: port).hasPrefix("HTTP/1.1 200 OK\r\n"))
      }
    }

    @Test("Draining refuses new requests while others go on; then nobody listens")
    func drain() async throws {
      var port = 0
      try await serving {
        $0.drainLimit = 600
      } _: { sample, free in
        port = free
        let client = try Client(port: free)
        let json = Self.endless + "}"
        client.send(
          "POST \(Self.path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)")
        #expect(try await sample.wait(for: "limbeck_sequences_running", toBe: 1))
        sample.service.drain()
        let refused = try await Client.post(#"{"prompt": "a"}"#, to: Self.path, port: free)
        #expect(refused.hasPrefix("HTTP/1.1 503 "))
        #expect(refused.contains("Retry-After: "))
        #expect(sample.metric("limbeck_sequences_running") == 1)
        client.close()
      }
      #expect(throws: POSIXError.self) { try Client(port: port) }
    }

    @Test("A port in use, and an address of another machine, are errors that name them")
    func cannotListen() async throws {
      try await serving { _, port in
        let other = try Sample()
        await #expect(throws: ListeningError.portInUse(host: "127.0.0.1", port: port)) {
          try await InferenceServer(other.service, host: "127.0.0.1", port: port).run { _ in }
        }
      }
      let other = try Sample()
      let error = await #expect(throws: ListeningError.self) {
        try await InferenceServer(other.service, host: "192.0.2.1", port: 0).run { _ in }
      }
      #expect(
        error?.description
          == "--host 192.0.2.1: cannot listen there: Cannot assign requested address; "
          + "name an address of this machine, or 0.0.0.0 for all that it has")
      let nameless = try Sample()
      let unknown = await #expect(throws: ListeningError.self) {
        try await InferenceServer(nameless.service, host: "nowhere.invalid", port: 0).run { _ in }
      }
      #expect(unknown?.description.hasPrefix("--host nowhere.invalid: cannot listen there: ") == true)
      #expect(unknown?.description.contains("errno") == false)
      #expect(
        ListeningError.refused(host: "::1", port: 80, reason: "r").description == "[::1]:80: cannot listen there: r")
      #expect(ListeningError.ended(reason: "r").description == "the server has ended: r")
      #expect(
        ListeningError.portInUse(host: "h", port: 5).description
          == "--port: expected a free one, found 5 of h in use; choose another, or 0 for any free one")
    }
  }
#endif
