import DurableFiles
import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing
import TextGeneration
import Tokenization

@testable import Serving

@Suite("Completions") struct CompletionTests {
  private static let prompt = "the cat and the "

  /// log p of the ids behind some, in Double, computed from the whole sequence at once.
  private static func logProbabilities(after ids: [Int32]) -> [Double] {
    let decoder = Sample.decoder()
    let logits = decoder.logits(decoder.frozen().hiddenStates(ids, batchSize: 1)).array().suffix(264)
    return DoubleReference.softmax(logits.map(Double.init)).map { log($0) }
  }

  @Test("A text is the generator's own, and its tokens are counted", arguments: [false, true])
  func text(hasDraft: Bool) async throws {
    let sample = try Sample(hasDraft: hasDraft)
    defer { sample.service.drain() }
    let expected = try Sample.generator(hasDraft: hasDraft).generate(
      after: [Self.prompt], sampling: .greedy, maxTokens: 20)[0]
    let reply = try await sample.completion(
      #"{"model": "tiny", "prompt": "\#(Self.prompt)", "max_tokens": 20, "temperature": 0}"#)
    #expect(reply.status == 200)
    #expect(reply.headers == [Reply.Header(name: "Content-Type", value: "application/json")])
    #expect(reply.text == expected.text)
    #expect(reply.choice?["finish_reason"]?.string == "length")
    #expect(reply.choice?["index"]?.integer == 0)
    #expect(reply.choice?["logprobs"] == .null)
    #expect(reply.json["object"]?.string == "text_completion")
    #expect(reply.json["model"]?.string == "tiny")
    #expect(reply.json["id"]?.string?.hasPrefix("cmpl-") == true)
    #expect(reply.json["usage"]?["prompt_tokens"]?.integer == expected.promptTokenCount)
    #expect(reply.json["usage"]?["completion_tokens"]?.integer == 20)
    #expect(reply.json["usage"]?["total_tokens"]?.integer == expected.promptTokenCount + 20)
  }

  @Test("A text that the model ends has finished by itself; all tokens are counted and listed, the last one as well")
  func end() async throws {
    let sample = try Sample(endsTexts: true)
    defer { sample.service.drain() }
    let expected = try Sample.generator(endsTexts: true).generate(
      after: [Self.prompt], sampling: .greedy, maxTokens: 100)[0]
    try #require(expected.stopReason == .endOfText)
    let reply = try await sample.completion(
      #"{"prompt": "\#(Self.prompt)", "max_tokens": 100, "temperature": 0, "logprobs": 0}"#)
    #expect(reply.text == expected.text)
    #expect(reply.choice?["finish_reason"]?.string == "stop")
    #expect(reply.json["usage"]?["completion_tokens"]?.integer == expected.tokenIDs.count)
    let tokens = try #require(reply.choice?["logprobs"]?["tokens"]?.array)
    #expect(tokens.count == expected.tokenIDs.count)
    #expect(["<begin>", "<end>"].contains(tokens.last?.string))
  }

  @Test("The same seed gives the same texts, each choice has another, and prompts are in their order")
  func choices() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let json = #"{"prompt": ["the ", [97, 98]], "n": 3, "max_tokens": 24, "seed": 5}"#
    let (first, second) = (try await sample.completion(json), try await sample.completion(json))
    #expect(first.json["choices"] == second.json["choices"])
    let texts = try #require(first.json["choices"]?.array).compactMap { $0["text"]?.string }
    #expect(texts.count == 6)
    #expect(Set(texts).count == 6)
    let alone = try await sample.completion(#"{"prompt": "the ", "n": 3, "max_tokens": 24, "seed": 5}"#)
    #expect(try #require(alone.json["choices"]?.array).compactMap { $0["text"]?.string } == Array(texts.prefix(3)))
    // BOS and the prompts, each once
    #expect(first.json["usage"]?["prompt_tokens"]?.integer == 1 + ByteTokenizer().encode("the ").count + 2)
  }

  @Test("A text ends at a stop string, which is no part of it")
  func stop() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let whole = try #require(
      try await sample.completion(#"{"prompt": "the ", "max_tokens": 40, "seed": 1}"#).text)
    let characters = Array(whole)
    let stop = String(try #require(characters.dropFirst(6).first { $0.isASCII }))
    let expected = whole.prefix(upTo: try #require(whole.range(of: stop)).lowerBound)
    let reply = try await sample.completion(
      #"{"prompt": "the ", "max_tokens": 40, "seed": 1, "stop": ["never", \#(JSONValue.quoted(stop))]}"#)
    #expect(reply.text == String(expected))
    #expect(reply.choice?["finish_reason"]?.string == "stop")
  }

  @Test("Log-probabilities of an echoed prompt are the model's, and begin behind BOS", arguments: [0, 1])
  func echo(maxTokens: Int) async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let json = #"{"prompt": "the cat", "max_tokens": \#(maxTokens), "temperature": 0, "logprobs": 2, "echo": true}"#
    let reply = try await sample.completion(json)
    let listed = try #require(reply.choice?["logprobs"])
    let ids = ByteTokenizer().encode(prompts: ["the cat"])[0]
    let found = try #require(listed["token_logprobs"]?.array)
    #expect(found.count == ids.count - 1 + maxTokens)
    for place in 1..<ids.count {
      let expected = Self.logProbabilities(after: Array(ids[..<place]))
      #expect(abs(try #require(found[place - 1].number) - expected[Int(ids[place])]) < 1e-4)
      let top = try #require(listed["top_logprobs"]?[place - 1])
      // what looks the same is told once
      #expect((1...3).contains(top.keys?.count ?? 0))
      let largest = try #require(top.keys).compactMap { top[$0]?.number }.max()
      #expect(abs(try #require(largest) - (expected.max() ?? 0)) < 1e-4)
    }
    let tokens = listed["tokens"]?.array?.prefix(ids.count - 1).map(\.string)
    #expect(tokens == ids.dropFirst().map { ByteTokenizer().text(of: $0) })
    #expect(listed["text_offset"]?.array?.prefix(3).map(\.integer) == [0, 2, 4])
    #expect(reply.text?.hasPrefix("the cat") == true)
    #expect(reply.json["usage"]?["completion_tokens"]?.integer == maxTokens)
    #expect(reply.choice?["finish_reason"]?.string == "length")
  }

  @Test("The first of a prompt's token ids has no log-probability; its list and the text are as long as the ids")
  func echoedIDs() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let reply = try await sample.completion(
      #"{"prompt": [[97, 258, 98], [99]], "max_tokens": 0, "logprobs": 0, "echo": true}"#)
    let first = try #require(reply.choice?["logprobs"])
    #expect(reply.text == "athb")
    #expect(first["token_logprobs"]?[0] == .null)
    #expect(first["top_logprobs"]?[0] == .null)
    #expect(first["tokens"] == .array([.string("a"), .string("th"), .string("b")]))
    #expect(first["text_offset"] == .array([.integer(0), .integer(1), .integer(3)]))
    let expected = Self.logProbabilities(after: [97])[258]
    #expect(abs(try #require(first["token_logprobs"]?[1]?.number) - expected) < 1e-4)
    // the token itself is told with its alternatives
    #expect(first["top_logprobs"]?[1]?["th"] == first["token_logprobs"]?[1])
    #expect(reply.json["choices"]?[1]?["logprobs"]?["token_logprobs"] == .array([.null]))
  }

  @Test("An echo without log-probabilities is the prompt as it was given")
  func plainEcho() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let none = try await sample.completion(#"{"prompt": "the cat", "max_tokens": 0, "echo": true}"#)
    #expect(none.text == "the cat")
    let some = try await sample.completion(#"{"prompt": "the cat", "max_tokens": 4, "echo": true, "seed": 2}"#)
    let plain = try await sample.completion(#"{"prompt": "the cat", "max_tokens": 4, "seed": 2}"#)
    #expect(some.text == "the cat" + (plain.text ?? "?"))
  }

  @Test("A stream has the parts of the whole text, usage where it is asked for, and an end")
  func stream() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let fields = #""prompt": ["the ", "a"], "max_tokens": 30, "seed": 9, "logprobs": 1, "echo": true"#
    let whole = try await sample.completion("{\(fields)}")
    let events = try await sample.events(
      "/v1/completions", #"{\#(fields), "stream": true, "stream_options": {"include_usage": true}}"#)
    #expect(events.last == "[DONE]")
    let parts = try events.dropLast().map { try JSONValue($0) }
    #expect(Set(parts.map { $0["id"]?.string }).count == 1)
    #expect(parts.allSatisfy { $0["object"]?.string == "text_completion" })
    for index in 0..<2 {
      let own = parts.compactMap { $0["choices"]?[0] }.filter { $0["index"]?.integer == index }
      let expected = try #require(whole.json["choices"]?[index])
      #expect(own.compactMap { $0["text"]?.string }.joined() == expected["text"]?.string)
      #expect(own.dropLast().allSatisfy { $0["finish_reason"] == .null })
      #expect(own.last?["finish_reason"] == expected["finish_reason"])
      for key in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
        let joined = own.compactMap { $0["logprobs"]?[key]?.array }.flatMap(\.self)
        #expect(.array(joined) == expected["logprobs"]?[key], "\(key)")
      }
    }
    #expect(parts.last?["choices"] == .array([]))
    #expect(parts.last?["usage"] == whole.json["usage"])
    #expect(parts.dropLast().allSatisfy { $0["usage"] == .null })
    let plain = try await sample.events("/v1/completions", #"{\#(fields), "stream": true}"#)
    #expect(try plain.dropLast().allSatisfy { try JSONValue($0)["usage"] == nil })
  }

  @Test("max_tokens is cut to what the context holds, and to the server's own limit")
  func length() async throws {
    let sample = try Sample(contextLength: 16)
    defer { sample.service.drain() }
    let ids = (1...16).map { "\($0)" }
    let full = try await sample.completion(#"{"prompt": [\#(ids.joined(separator: ","))], "max_tokens": 99}"#)
    #expect(full.json["usage"]?["completion_tokens"]?.integer == 1)
    #expect(full.choice?["finish_reason"]?.string == "length")
    var limits = ServerLimits()
    limits.maxTokens = 3
    let limited = try Sample(limits: limits)
    defer { limited.service.drain() }
    let short = try await limited.completion(#"{"prompt": "a", "max_tokens": 99, "temperature": 0}"#)
    #expect(short.json["usage"]?["completion_tokens"]?.integer == 3)
  }

  @Test("Penalties make tokens that were generated less probable")
  func penalties() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let reply = try await sample.completion(
      #"{"prompt": "the ", "max_tokens": 60, "temperature": 0, "frequency_penalty": 2, "presence_penalty": 2}"#)
    let plain = try await sample.completion(#"{"prompt": "the ", "max_tokens": 60, "temperature": 0}"#)
    #expect(Set(reply.text ?? "").count > Set(plain.text ?? "").count)
  }
}
