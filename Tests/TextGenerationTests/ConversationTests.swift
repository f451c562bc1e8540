import Foundation
import TensorCore
import TestSupport
import Testing
import Tokenization

@testable import TextGeneration

@Suite("A conversation")
struct ConversationTests {
  /// ChatML's markers are tokens of their own.
  private static let tokenizer = tokenizer(symbols: ["<|im_start|>", "<|im_end|>"])
  private static let settings = ConversationSettings(sampling: .greedy, maxTokens: 12)

  private static func tokenizer(symbols: [String]) -> SentencePieceTokenizer {
    let text = (0..<200).map { "The \($0 % 7) cats of number \($0) saw a red ball, and they played.\n" }.joined()
    let options = TokenizerTrainingOptions(vocabularySize: 320, userDefinedSymbols: symbols)
    do { return try TokenizerTrainer(options).train(on: [text]) } catch {
      preconditionFailure("cannot train a tokenizer for tests: \(error)")
    }
  }

  @Test(
    "Each token of each answer is the most probable one of a pass over the whole conversation",
    arguments: [false, true])
  func everyAnswerIsThatOfTheWholeConversation(hasDraft: Bool) throws {
    let decoder = tinyDecoder(contextLength: 256)
    let draft = hasDraft ? tinyDecoder(contextLength: 256, seed: 2) : nil
    let generator = try Generator(decoder, Self.tokenizer, draft: draft)
    let conversation = try Conversation(generator, format: .chatML, system: "Be short.", settings: Self.settings)
    for message in ["The cats", "saw a red ball?", "number 17"] {
      let answer = try conversation.answer(to: message).generation
      var ids = Array(conversation.ids.prefix(answer.promptTokenCount))
      for id in answer.tokenIDs {
        #expect(Int(id) == RowKernels.argmax(decoder.lastLogits(ids).span))
        ids.append(id)
      }
      #expect(!answer.tokenIDs.isEmpty)
    }
  }

  @Test("What was said is read once", arguments: [false, true])
  func whatWasSaidIsReadOnce(hasDraft: Bool) throws {
    let decoder = tinyDecoder(contextLength: 256)
    let generator = try Generator(decoder, Self.tokenizer, draft: hasDraft ? decoder : nil)
    let conversation = try Conversation(generator, format: .chatML, settings: Self.settings)
    var before = 0
    for message in ["The cats", "saw a red ball?", "number 17"] {
      let answer = try conversation.answer(to: message)
      // all but the last token, from which the next one follows
      #expect(answer.keptTokens == max(0, before - 1))
      before = conversation.ids.count
    }
  }

  @Test("Its text is that of the format, with what was generated as it was")
  func textOfTheFormat() throws {
    let generator = try Generator(tinyDecoder(contextLength: 256), Self.tokenizer)
    let conversation = try Conversation(generator, format: .chatML, system: "Be short.", settings: Self.settings)
    let first = try conversation.answer(to: "The cats").generation
    _ = try conversation.answer(to: "saw")
    let end = try #require(Self.tokenizer.encode("<|im_end|>").last)
    let answer = first.tokenIDs.last == end ? first.tokenIDs.dropLast() : first.tokenIDs[...]
    var text = Self.tokenizer.encode(
      "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nThe cats<|im_end|>\n<|im_start|>assistant\n")
    text = [try #require(Self.tokenizer.bosID)] + text + answer
    text +=
      Self.tokenizer.encode("<|im_end|>\n<|im_start|>user\nsaw<|im_end|>\n<|im_start|>assistant\n")
    #expect(conversation.ids.starts(with: text))
  }

  @Test("The format's end of a turn ends an answer, and is no part of its text")
  func theEndOfATurnEndsAnAnswer() throws {
    let tokenizer = Self.tokenizer
    let end = try #require(tokenizer.encode("<|im_end|>").last)
    // the model generates the tokens of this list only
    let generator = try Generator(tinyDecoder(contextLength: 256), tokenizer)
    let settings = ConversationSettings(sampling: Sampling(temperature: 50), maxTokens: 200, seed: 3)
    let conversation = try Conversation(generator, format: .chatML, settings: settings)
    var ended = 0
    for _ in 0..<12 {
      conversation.reset()
      let answer = try conversation.answer(to: "a").generation
      guard answer.tokenIDs.last == end else { continue }
      ended += 1
      #expect(answer.stopReason == .endOfText)
      #expect(!answer.tokenIDs.dropLast().contains(end))
      #expect(Array(conversation.ids.suffix(answer.tokenIDs.count - 1)) == answer.tokenIDs.dropLast())
    }
    #expect(ended > 0)
  }

  @Test("A marker that is no token of its own ends an answer as text")
  func markersOfSeveralTokens() throws {
    let tokenizer = Trained.lossless
    let generator = try Generator(tinyDecoder(contextLength: 256), tokenizer)
    let plain = try Conversation(generator, format: .plain, settings: Self.settings).answer(to: "The").generation
    let marker = String(plain.text.dropFirst(2).prefix(3))
    let format = ChatFormat(system: .init(), user: .init(suffix: "\n"), assistant: .init(suffix: "\(marker)\n"))
    let conversation = try Conversation(generator, format: format, settings: Self.settings)
    let answer = try conversation.answer(to: "The").generation
    #expect(answer.stopReason == .stopString(marker.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(tokenizer.decode(conversation.ids).hasPrefix("The\n"))
  }

  @Test("Where the context is full, the oldest turns go, and the instructions stay")
  func theOldestTurnsAreDropped() throws {
    let generator = try Generator(tinyDecoder(contextLength: 64), Self.tokenizer)
    let conversation = try Conversation(generator, format: .chatML, system: "short", settings: Self.settings)
    var dropped = 0
    for turn in 0..<12 {
      dropped += try conversation.answer(to: "number \(turn)").droppedTurns
      let text = Self.tokenizer.decode(conversation.ids)
      #expect(conversation.ids.count <= 64)
      #expect(text.contains("short") && text.contains("number \(turn)"))
    }
    #expect(dropped >= 6)
    let before = conversation.ids
    let long = String(repeating: "a red ball ", count: 60)
    #expect(throws: GenerationError.self) { try conversation.answer(to: long) }
    #expect(conversation.ids == before)
  }

  @Test("An answer that is stopped stays as far as it was said; reset forgets all")
  func stopAndReset() throws {
    let generator = try Generator(tinyDecoder(contextLength: 128), Self.tokenizer)
    let conversation = try Conversation(generator, format: .chatML, settings: Self.settings)
    var tokens = 0
    let answer = try conversation.answer(to: "The cats") { _ in
      tokens += 1
      return tokens == 3 ? .stop : .proceed
    }.generation
    #expect(answer.stopReason == .handler && answer.tokenIDs.count == 3)
    #expect(Array(conversation.ids.suffix(3)) == answer.tokenIDs)
    conversation.reset()
    #expect(conversation.ids == [try #require(Self.tokenizer.bosID)])
    #expect(try conversation.answer(to: "The cats").generation.tokenIDs.starts(with: answer.tokenIDs))
  }

  @Test("Settings that cannot be are refused")
  func wrongSettings() throws {
    let generator = try Generator(tinyDecoder(), Self.tokenizer)
    for settings in [
      ConversationSettings(maxTokens: 0), ConversationSettings(stop: [""]),
      ConversationSettings(sampling: Sampling(topP: 0)),
    ] {
      #expect(throws: GenerationError.self) { try Conversation(generator, format: .plain, settings: settings) }
    }
  }

  @Test("As many tokens as can be counted are as many as the context holds")
  func noLimit() throws {
    let generator = try Generator(tinyDecoder(contextLength: 32), Self.tokenizer)
    let settings = ConversationSettings(sampling: .greedy, maxTokens: .max)
    let answer = try Conversation(generator, format: .plain, settings: settings).answer(to: "The").generation
    #expect(answer.stopReason == .contextFull || answer.stopReason == .endOfText)
    let several = try generator.generate(after: ["The", "cats"], sampling: .greedy, maxTokens: .max, batchSize: .max)
    #expect(several.count == 2)
  }
}
