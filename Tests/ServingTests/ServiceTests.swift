import DurableFiles
import Testing

@testable import Serving

@Suite("Service") struct ServiceTests {
  @Test("Models are listed as OpenAI lists them")
  func models() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let reply = try await sample.reply("/v1/models", method: "GET")
    #expect(reply.status == 200)
    #expect(
      try reply.json
        == JSONValue(
          #"{"object": "list", "data": [{"id": "tiny", "object": "model", "created": 7, "owned_by": "limbeck"}]}"#))
  }

  @Test("A model is described by its name, also one that is percent-encoded; another's is 404")
  func model() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    for path in ["/v1/models/tiny", "/v1/models/t%69ny"] {
      let reply = try await sample.reply(path, method: "GET")
      #expect(reply.status == 200)
      #expect(
        try reply.json
          == JSONValue(#"{"id": "tiny", "object": "model", "created": 7, "owned_by": "limbeck"}"#))
    }
    for other in ["gpt-4", "tiny/", "%ff"] {
      let reply = try await sample.reply("/v1/models/\(other)", method: "GET")
      #expect(reply.status == 404)
      #expect(reply.error?.keys == ["code", "message", "param", "type"])
      #expect(reply.error?["code"]?.string == "model_not_found")
      #expect(reply.error?["message"]?.string == "model: expected tiny, found \(other)")
    }
    #expect(InferenceService.label("/v1/models/gpt-4") == "/v1/models/{model}")
    #expect(InferenceService.label("/v1/models/") == "other")
  }

  @Test("Health is ok")
  func health() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let reply = try await sample.reply("/health", method: "GET")
    #expect(reply.status == 200)
    #expect(reply.json["status"]?.string == "ok")
  }

  @Test(
    "Unknown paths are 404, other methods 405 with those that there are",
    arguments: [
      ("POST", "/", 404, nil), ("GET", "/v1/embeddings", 404, nil), ("GET", "/v1/completions/", 404, nil),
      ("GET", "/v1/completions", 405, "POST"), ("PUT", "/v1/chat/completions", 405, "POST"),
      ("POST", "/v1/models", 405, "GET"), ("GET", "/v1/models/", 404, nil), ("DELETE", "/v1/models/tiny", 405, "GET"),
      ("DELETE", "/health", 405, "GET"), ("HEAD", "/metrics", 405, "GET"),
    ] as [(String, String, Int, String?)])
  func routes(method: String, path: String, status: Int, allow: String?) async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let reply = try await sample.reply(path, "{", method: method)
    #expect(reply.status == status)
    #expect(reply.error?.keys == ["code", "message", "param", "type"])
    #expect(reply.headers.first { $0.name == "Allow" }?.value == allow)
    #expect(reply.error?["message"]?.string?.contains(path) == true)
  }

  @Test("Another model's name is 404; the name may be left out")
  func name() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let reply = try await sample.completion(#"{"model": "gpt-4", "prompt": "a"}"#)
    #expect(reply.status == 404)
    #expect(reply.error?["code"]?.string == "model_not_found")
    #expect(reply.error?["param"]?.string == "model")
    #expect(try await sample.completion(#"{"prompt": "a", "max_tokens": 1}"#).status == 200)
  }

  @Test(
    "Prompts that do not fit are refused by name, before anything is computed",
    arguments: [
      (#"{"prompt": [0, 264]}"#, "prompt", "from 0 to 263, found 264"),
      (#"{"prompt": [-1]}"#, "prompt", "found -1"),
      (#"{"prompt": ["a", [9223372036854775807]]}"#, "prompt[1]", "found 9223372036854775807"),
      (#"{"prompt": "aaaaaaaaaaaaaaaa"}"#, "prompt", "at most 16 tokens, the model's context, found 17"),
      (#"{"prompt": ["a", [1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8]]}"#, "prompt[1]", "found 17"),
      (#"{"prompt": "a", "temperature": 1e-9}"#, "temperature", "found 1e-09"),
      // 7 bytes are the longest token
      (#"{"prompt": "\#(String(repeating: "a", count: 112))"}"#, "prompt", "found 113"),
      (#"{"prompt": "\#(String(repeating: "a", count: 113))"}"#, "prompt", "found 113 bytes"),
      // before any of the prompts is looked at
      (#"{"prompt": [\#(String(repeating: "[-1],", count: 99_999))[-1]], "n": 128}"#, "n", "found 12800000"),
      (#"{"prompt": [\#(String(repeating: #""","#, count: 288))"aaaaaaaaaaaaaaaa"]}"#, "n", "found 289"),
    ])
  func prompts(json: String, param: String, message: String) async throws {
    let sample = try Sample(contextLength: 16)
    defer { sample.service.drain() }
    let reply = try await sample.completion(json)
    #expect(reply.status == 400)
    #expect(reply.error?["param"]?.string == param)
    #expect(reply.error?["message"]?.string?.contains(message) == true, "\(reply.json)")
    #expect(sample.metric("limbeck_prompt_tokens_total") == 0)
  }

  @Test("A chat that does not fit into the context is refused")
  func longChat() async throws {
    let sample = try Sample(contextLength: 16)
    defer { sample.service.drain() }
    let reply = try await sample.chat(#"{"messages": [{"role": "user", "content": "hello"}]}"#)
    #expect(reply.status == 400)
    #expect(reply.error?["code"]?.string == "context_length_exceeded")
    #expect(reply.error?["param"]?.string == "messages")
  }

  @Test("Metrics are Prometheus's text, and count")
  func metrics() throws {
    let metrics = ServerMetrics()
    metrics.add(request: "/health", status: 200, seconds: 0.02)
    metrics.add(request: "/health", status: 200, seconds: 0.5)
    metrics.add(request: "other", status: 404, seconds: 1000)
    metrics.add(promptTokens: 7)
    metrics.add(generatedTokens: 3)
    metrics.add(firstTokenAfter: 0.2)
    metrics.set(running: 2, present: 5)
    let lines = Set(metrics.text.split(separator: "\n").map(String.init))
    for line in [
      "# TYPE limbeck_requests_total counter", #"limbeck_requests_total{path="/health",status="200"} 2"#,
      #"limbeck_requests_total{path="other",status="404"} 1"#, "limbeck_prompt_tokens_total 7",
      "limbeck_generated_tokens_total 3", "limbeck_sequences_running 2", "limbeck_sequences_waiting 3",
      "# TYPE limbeck_request_seconds histogram", #"limbeck_request_seconds_bucket{le="0.01"} 0"#,
      #"limbeck_request_seconds_bucket{le="0.025"} 1"#, #"limbeck_request_seconds_bucket{le="0.5"} 2"#,
      #"limbeck_request_seconds_bucket{le="300.0"} 2"#, #"limbeck_request_seconds_bucket{le="+Inf"} 3"#,
      "limbeck_request_seconds_sum 1000.52", "limbeck_request_seconds_count 3",
      #"limbeck_first_token_seconds_bucket{le="0.25"} 1"#, "limbeck_first_token_seconds_count 1",
    ] { #expect(lines.contains(line), "\(line)") }
  }
}
