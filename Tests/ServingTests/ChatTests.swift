import DurableFiles
import LanguageModels
import TestSupport
import Testing
import TextGeneration
import Tokenization

@testable import Serving

@Suite("Chats") struct ChatTests {
  private static let messages = #""messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]"#

  @Test("An answer is what a conversation answers")
  func answer() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let conversation = try Conversation(
      Sample.generator(), format: .chatML, system: "s",
      settings: ConversationSettings(sampling: .greedy, maxTokens: 20))
    let expected = try conversation.answer(to: "hi")
    let reply = try await sample.chat(#"{\#(Self.messages), "max_tokens": 20, "temperature": 0}"#)
    #expect(reply.status == 200)
    #expect(reply.choice?["message"]?["content"]?.string == expected.generation.text)
    #expect(reply.choice?["message"]?["role"]?.string == "assistant")
    #expect(reply.choice?["finish_reason"]?.string == "length")
    #expect(reply.json["object"]?.string == "chat.completion")
    #expect(reply.json["id"]?.string?.hasPrefix("chatcmpl-") == true)
    #expect(reply.json["usage"]?["prompt_tokens"]?.integer == expected.generation.promptTokenCount)
  }

  @Test("A stream begins with the role of each choice, and its parts are the answers")
  func stream() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let fields = #"\#(Self.messages), "max_tokens": 20, "seed": 4, "n": 2"#
    let whole = try await sample.chat("{\(fields)}")
    let events = try await sample.events("/v1/chat/completions", #"{\#(fields), "stream": true}"#)
    #expect(events.last == "[DONE]")
    let parts = try events.dropLast().map { try JSONValue($0) }
    #expect(parts.allSatisfy { $0["object"]?.string == "chat.completion.chunk" })
    for index in 0..<2 {
      let own = parts.compactMap { $0["choices"]?[0] }.filter { $0["index"]?.integer == index }
      #expect(own.first?["delta"]?["role"]?.string == "assistant")
      let text = own.compactMap { $0["delta"]?["content"]?.string }.joined()
      #expect(text == whole.json["choices"]?[index]?["message"]?["content"]?.string)
      #expect(own.last?["delta"] == .object([:]))
      #expect(own.last?["finish_reason"]?.string == "length")
    }
  }

  @Test("Log-probabilities are listed with as many alternatives as were asked for")
  func logProbabilities() async throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let reply = try await sample.chat(
      #"{\#(Self.messages), "max_tokens": 6, "temperature": 0, "logprobs": true, "top_logprobs": 3}"#)
    let content = try #require(reply.choice?["logprobs"]?["content"]?.array)
    #expect(content.count == 6)
    for token in content {
      let top = try #require(token["top_logprobs"]?.array)
      #expect(top.count == 3)
      // greedy: the token is the most probable one
      #expect(top.first?["logprob"] == token["logprob"])
      #expect(top.first?["token"] == token["token"])
    }
    let bare = try await sample.chat(#"{\#(Self.messages), "max_tokens": 2, "logprobs": true}"#)
    #expect(bare.choice?["logprobs"]?["content"]?[0]?["top_logprobs"] == .array([]))
  }

  @Test("A model without a known template is refused, with the reason")
  func refused() async throws {
    let sample = try Sample(chat: .refused("no template here"))
    defer { sample.service.drain() }
    let reply = try await sample.chat("{\(Self.messages)}")
    #expect(reply.status == 400)
    #expect(reply.error?["message"]?.string == "no template here")
    #expect(reply.error?["code"]?.string == "chat_not_supported")
  }

  @Test("A chat is written as its template has it, behind BOS")
  func prompt() throws {
    let sample = try Sample()
    defer { sample.service.drain() }
    let request = try ChatRequest(RequestFields(body: Array("{\(Self.messages)}".utf8)), randomSeed: 0)
    let prompt = try sample.model.prompt(request)
    let text = "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    #expect(prompt.ids.first == ByteTokenizer().bosID)
    #expect(ByteTokenizer().decode(prompt.ids.dropFirst()) == text)
  }
}
