import DurableFiles
import Testing
import TextGeneration
import Tokenization

@testable import Serving

@Suite("Requests") struct RequestTests {
  private static func fields(_ json: String) throws -> RequestFields { try RequestFields(body: Array(json.utf8)) }

  private static func completion(_ json: String) throws -> CompletionRequest {
    try CompletionRequest(fields(json), randomSeed: 11)
  }

  private static func chat(_ json: String) throws -> ChatRequest { try ChatRequest(fields(json), randomSeed: 11) }

  @Test("A completion has OpenAI's fields, and OpenAI's defaults")
  func completion() throws {
    let usual = try Self.completion(#"{"prompt": "a"}"#)
    #expect(usual.prompts == [.text("a")])
    #expect(usual.maxTokens == 16)
    #expect(usual.logprobs == nil)
    #expect(!usual.echo)
    #expect(usual.settings.sampling == Sampling())
    #expect(usual.settings.choiceCount == 1)
    #expect(usual.settings.seed == 11)
    #expect(usual.settings.stop.isEmpty)
    #expect(!usual.settings.streams)
    let full = try Self.completion(
      #"""
      {"model": "m", "prompt": [[1, 2], "b"], "max_tokens": 0, "logprobs": 5, "echo": true, "temperature": 0,
       "top_p": 0.5, "top_k": 4, "min_p": 0.1, "repetition_penalty": 1.5, "presence_penalty": 1,
       "frequency_penalty": -0.5, "n": 3, "best_of": 3, "seed": -1, "stop": ["x", "y"], "stream": true,
       "stream_options": {"include_usage": true}, "user": "u"}
      """#)
    #expect(full.prompts == [.ids([1, 2]), .text("b")])
    #expect(full.maxTokens == 0)
    #expect(full.logprobs == 5)
    #expect(full.echo)
    #expect(
      full.settings.sampling == Sampling(temperature: 0, topK: 4, topP: 0.5, minP: 0.1, repetitionPenalty: 1.5))
    #expect(full.settings.presencePenalty == 1)
    #expect(full.settings.frequencyPenalty == -0.5)
    #expect(full.settings.choiceCount == 3)
    #expect(full.settings.seed == .max)
    #expect(full.settings.stop == ["x", "y"])
    #expect(full.settings.streams && full.settings.streamsUsage)
  }

  @Test("A prompt is a string, token ids, or a list of either; null is as good as absent")
  func prompts() throws {
    #expect(try Self.completion(#"{"prompt": [5, 6], "suffix": null}"#).prompts == [.ids([5, 6])])
    #expect(try Self.completion(#"{"prompt": ["a", "b"], "stop": null}"#).prompts == [.text("a"), .text("b")])
    #expect(try Self.completion(#"{"prompt": [[5], [6, 7]], "n": null}"#).prompts == [.ids([5]), .ids([6, 7])])
    #expect(try Self.completion(#"{"prompt": "", "stop": "x"}"#).settings.stop == ["x"])
  }

  @Test("A chat has messages, whose text may come in parts")
  func chat() throws {
    let request = try Self.chat(
      #"""
      {"messages": [{"role": "developer", "content": "s"}, {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a", "refusal": null},
        {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]}],
       "max_completion_tokens": 9, "max_tokens": 5, "logprobs": true, "top_logprobs": 3}
      """#)
    #expect(
      request.messages == [
        ChatMessage(.system, "s"), ChatMessage(.user, "q"), ChatMessage(.assistant, "a"), ChatMessage(.user, "xy"),
      ])
    #expect(request.maxTokens == 9)
    #expect(request.logprobs == 3)
    let usual = try Self.chat(#"{"messages": [{"role": "user", "content": "q"}]}"#)
    #expect(usual.maxTokens == nil)
    #expect(usual.logprobs == nil)
  }

  /// A body, the field that is wrong, and what the message says.
  private static let badCompletions: [(json: String, param: String, message: String)] = [
    (#"{}"#, "prompt", "expected a string, a list of token ids, or a list of either, found none"),
    (#"{"prompt": 5}"#, "prompt", "found 5"),
    (#"{"prompt": []}"#, "prompt", "found []"),
    (#"{"prompt": [[]]}"#, "prompt", "found [[]]"),
    (#"{"prompt": ["a", 5]}"#, "prompt", #"found ["a",5]"#),
    (#"{"prompt": [1.5]}"#, "prompt", "found [1.5]"),
    (#"{"prompt": "a", "max_tokens": -1}"#, "max_tokens", "expected a whole number of at least 0, found -1"),
    (#"{"prompt": "a", "max_tokens": 1.5}"#, "max_tokens", "found 1.5"),
    (#"{"prompt": "a", "max_tokens": "5"}"#, "max_tokens", #"found "5""#),
    (#"{"prompt": "a", "max_tokens": 1e999}"#, "", "too large"),
    (#"{"prompt": "a", "max_tokens": 99999999999999999999}"#, "max_tokens", "found 1e+20"),
    (#"{"prompt": "a", "temperature": "hot"}"#, "temperature", "expected a number"),
    (#"{"prompt": "a", "temperature": -1}"#, "temperature", "found -1.0"),
    (#"{"prompt": "a", "top_p": 0}"#, "top_p", "expected a number above 0 and at most 1"),
    (#"{"prompt": "a", "top_p": 2}"#, "top_p", "found 2.0"),
    (#"{"prompt": "a", "top_k": -1}"#, "top_k", "of at least 0, found -1"),
    (#"{"prompt": "a", "min_p": 2}"#, "min_p", "from 0 to 1"),
    (#"{"prompt": "a", "repetition_penalty": 0}"#, "repetition_penalty", "from 1e-06 to"),
    (#"{"prompt": "a", "repetition_penalty": 1e300}"#, "repetition_penalty", "found 1e+300"),
    (#"{"prompt": "a", "repetition_penalty": 1e-300}"#, "repetition_penalty", "found 1e-300"),
    (#"{"prompt": "a", "presence_penalty": 3}"#, "presence_penalty", "from -2 to 2"),
    (#"{"prompt": "a", "frequency_penalty": -3}"#, "frequency_penalty", "found -3.0"),
    (#"{"prompt": "a", "n": 0}"#, "n", "from 1 to 128"),
    (#"{"prompt": "a", "n": 129}"#, "n", "found 129"),
    (#"{"prompt": "a", "best_of": 2}"#, "best_of", "expected n, 1"),
    (#"{"prompt": "a", "seed": 1.5}"#, "seed", "expected a whole number, found 1.5"),
    (#"{"prompt": "a", "logprobs": true}"#, "logprobs", "from 0 to 20, found true"),
    (#"{"prompt": "a", "logprobs": 21}"#, "logprobs", "found 21"),
    (#"{"prompt": "a", "echo": 1}"#, "echo", "expected true or false, found 1"),
    (#"{"prompt": "a", "stop": ["a", "b", "c", "d", "e"]}"#, "stop", "at most 4"),
    (#"{"prompt": "a", "stop": ""}"#, "stop", "none of them empty"),
    (#"{"prompt": "a", "stop": [1]}"#, "stop", "found [1]"),
    (#"{"prompt": "a", "stop": {}}"#, "stop", "found {}"),
    (#"{"prompt": "a", "stream": "yes"}"#, "stream", "expected true or false"),
    (#"{"prompt": "a", "stream_options": {}}"#, "stream_options", "expected nothing without stream"),
    (#"{"prompt": "a", "stream": true, "stream_options": 1}"#, "stream_options", "expected an object"),
    (#"{"prompt": "a", "stream": true, "stream_options": {"x": 1}}"#, "stream_options.x", "supplied"),
    (#"{"prompt": "a", "user": 5}"#, "user", "expected a string"),
    (#"{"prompt": "a", "suffix": "b"}"#, "suffix", "Unrecognized request argument supplied: suffix"),
    (#"{"prompt": "a", "max_token": 5}"#, "max_token", "did you mean 'max_tokens'?"),
  ]

  @Test("Fields that cannot be are refused by name", arguments: badCompletions)
  func badCompletion(json: String, param: String, message: String) throws {
    try expect(param, message) { _ = try Self.completion(json) }
  }

  private static let badChats: [(json: String, param: String, message: String)] = [
    (#"{}"#, "messages", "expected a list of at least one message, found none"),
    (#"{"messages": []}"#, "messages", "found []"),
    (#"{"messages": "hi"}"#, "messages", #"found "hi""#),
    (#"{"messages": ["hi"]}"#, "messages[0]", "expected an object"),
    (#"{"messages": [{"content": "q"}]}"#, "messages[0].role", "expected system, user or assistant, found none"),
    (#"{"messages": [{"role": "tool", "content": "q"}]}"#, "messages[0].role", #"found "tool""#),
    (#"{"messages": [{"role": 1, "content": "q"}]}"#, "messages[0].role", "expected a string"),
    (#"{"messages": [{"role": "user"}]}"#, "messages[0].content", "found none"),
    (#"{"messages": [{"role": "user", "content": 5}]}"#, "messages[0].content", "found 5"),
    (#"{"messages": [{"role": "user", "content": ["q"]}]}"#, "messages[0].content[0]", "expected an object"),
    (
      #"{"messages": [{"role": "user", "content": [{"type": "image_url", "text": "q"}]}]}"#,
      "messages[0].content[0].type", "expected text"
    ),
    (
      #"{"messages": [{"role": "user", "content": [{"type": "text"}]}]}"#, "messages[0].content[0].text",
      "expected a string"
    ),
    (#"{"messages": [{"role": "user", "content": "q", "tool_calls": []}]}"#, "messages[0].tool_calls", "supplied"),
    (#"{"messages": [{"role": "assistant", "content": "q"}]}"#, "messages", "found one of the assistant"),
    (#"{"messages": [{"role": "user", "content": "q"}], "max_tokens": 0}"#, "max_tokens", "at least 1"),
    (
      #"{"messages": [{"role": "user", "content": "q"}], "top_logprobs": 1}"#, "top_logprobs",
      "expected nothing without logprobs"
    ),
    (#"{"messages": [{"role": "user", "content": "q"}], "logprobs": 1}"#, "logprobs", "expected true or false"),
    (#"{"messages": [{"role": "user", "content": "q"}], "prompt": "p"}"#, "prompt", "supplied: prompt"),
    (#"{"messages": [{"role": "user", "content": "q"}], "tools": []}"#, "tools", "supplied: tools"),
  ]

  @Test("A huge key is refused at once, and neither it nor a huge model's name is echoed as a whole")
  func hugeNames() throws {
    let key = String(repeating: "max_tokens", count: 400_000)
    let error = try #require(throws: ServerError.self) {
      _ = try Self.completion(#"{"prompt": "a", "\#(key)": 1}"#)
    }
    #expect(error.code == "unknown_parameter")
    #expect(error.param == key.prefix(77) + "...")
    #expect(error.message.count < 200)
    let sample = try Sample()
    defer { sample.service.drain() }
    let other = try #require(throws: ServerError.self) {
      try sample.model.requireName(Self.fields(#"{"model": "\#(key)"}"#))
    }
    #expect(other.code == "model_not_found")
    #expect(other.message.count < 200)
    #expect(String(repeating: "é", count: 80).shortened == String(repeating: "é", count: 80))
    #expect(String(repeating: "é", count: 81).shortened == String(repeating: "é", count: 77) + "...")
  }

  @Test("A stop string has 1,024 bytes at most", arguments: [1_024, 1_026, 4_000_000])
  func hugeStop(count: Int) throws {
    let stop = String(repeating: "é", count: count / 2)
    let json = #"{"prompt": "a", "stop": ["x", "\#(stop)"]}"#
    if count == 1_024 {
      #expect(try Self.completion(json).settings.stop == ["x", stop])
    } else {
      try expect("stop", "of more than 1024 bytes") { _ = try Self.completion(json) }
    }
  }

  @Test("More texts than there are places are refused, however many prompts and choices make them")
  func capacity() throws {
    var limits = ServerLimits()
    (limits.batchSize, limits.queueLength) = (4, 8)
    try limits.requireCapacity(prompts: 3, choices: 4)
    try expect("n", "at most 12 texts for all prompts together, found 13") {
      try limits.requireCapacity(prompts: 13, choices: 1)
    }
    try expect("n", "found 128000000") { try limits.requireCapacity(prompts: 1_000_000, choices: 128) }
    try expect("n", "found 128 for each of \(Int.max)") { try limits.requireCapacity(prompts: .max, choices: 128) }
  }

  @Test("Messages that cannot be are refused by name", arguments: badChats)
  func badChat(json: String, param: String, message: String) throws {
    try expect(param, message) { _ = try Self.chat(json) }
  }

  @Test(
    "A body that is no JSON object is refused",
    arguments: [
      ("", "expected a value"), ("{", "not valid JSON"), ("[]", "expected a JSON object, found []"), ("5", "found 5"),
      (#"{"prompt": "a""#, "not valid JSON"), (#"{"prompt": "a"} x"#, "expected the end"),
      (#"{"prompt": "a", "prompt": "b"}"#, "occurs twice"), (#"{"prompt": NaN}"#, "not valid JSON"),
      (String(repeating: "[", count: 100_000), "at most 64 levels"),
    ])
  func noObject(json: String, message: String) throws {
    try expect("", message) { _ = try Self.completion(json) }
  }

  @Test("A body that is no UTF-8 is refused")
  func invalidUTF8() throws {
    let body = Array(#"{"prompt": ""#.utf8) + [0xC3, 0x28] + Array(#""}"#.utf8)
    try expect("", "not UTF-8") { _ = try RequestFields(body: body) }
  }

  /// Expects an error about a field, or about the whole body where that is empty.
  private func expect(_ param: String, _ message: String, _ body: () throws -> Void) throws {
    let error = try #require(throws: ServerError.self) { try body() }
    #expect(error.status == 400)
    #expect(error.kind == .invalidRequest)
    #expect(error.param == (param.isEmpty ? nil : param))
    #expect(error.message.contains(message), "\(error.message)")
    #expect(param.isEmpty || error.message.contains(param), "\(error.message)")
  }
}
