import Diagnostics
import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing
import Tokenization

@testable import TextGeneration

@Suite("Generator")
struct GeneratorTests {
  static let prompts = ["The cats", "", "a red ball, and they", "number 17 saw ☃", "T"]

  @Test("Greedy tokens are the most probable ones of a forward pass without a cache", arguments: prompts)
  func greedy(_ prompt: String) throws {
    let tokenizer = Trained.lossless
    let decoder = tinyDecoder()
    let generation = try Generator(decoder, tokenizer).generate(after: prompt, sampling: .greedy, maxTokens: 20) { _ in
      .proceed
    }
    var ids = [try #require(tokenizer.bosID)] + tokenizer.encode(prompt)
    #expect(generation.promptTokenCount == ids.count)
    for id in generation.tokenIDs {
      #expect(Int(id) == RowKernels.argmax(decoder.lastLogits(ids).span))
      ids.append(id)
    }
    #expect(generation.tokenIDs.count == 20 || generation.stopReason == .endOfText)
  }

  @Test("Logits computed with a cache are those computed without")
  func cache() {
    let decoder = tinyDecoder().frozen()
    let ids: [[Int32]] = [[1, 7, 30, 200, 5, 9, 80], [4, 4, 90]]
    let caches = ids.map { _ in decoder.makeCache() }
    // a long prompt and a short one together, then one token of each, then of the longer alone
    let steps: [[Range<Int>]] = [[0..<5, 0..<2], [5..<6, 2..<3], [6..<7, 3..<3]]
    for step in steps {
      let live = step.indices.filter { !step[$0].isEmpty }
      let hidden = decoder.hiddenStates(
        live.flatMap { ids[$0][step[$0]] }, counts: live.map { step[$0].count }, caches: live.map { caches[$0] })
      let logits = decoder.logits(hidden).array()
      var row = 0
      for sequence in live {
        row += step[sequence].count
        let expected = decoder.lastLogits(Array(ids[sequence][..<step[sequence].upperBound]))
        for (found, expected) in zip(logits[(row - 1) * 320..<row * 320], expected) {
          #expect(abs(found - expected) <= 1e-5 * max(1, abs(expected)))
        }
      }
    }
  }

  @Test(
    "Each prompt of a batch is continued as it is alone, whatever the batch size",
    arguments: [Sampling.greedy, Sampling(temperature: 0.9, topK: 40, topP: 0.95, repetitionPenalty: 1.1)])
  func batch(_ sampling: Sampling) throws {
    let generator = try Generator(tinyDecoder(eosTokenIDs: [9, 60, 61]), Trained.lossless)
    func run(batchSize: Int) throws -> [Generation] {
      try generator.generate(after: Self.prompts, sampling: sampling, maxTokens: 15, seed: 7, batchSize: batchSize)
    }
    let alone = try run(batchSize: 1)
    for batchSize in [2, 3, 16] {
      let together = try run(batchSize: batchSize)
      #expect(together.map(\.tokenIDs) == alone.map(\.tokenIDs))
      #expect(together.map(\.text) == alone.map(\.text))
      #expect(together.map(\.stopReason) == alone.map(\.stopReason))
    }
    let first = try generator.generate(after: Self.prompts[0], sampling: sampling, maxTokens: 15, seed: 7) { _ in
      .proceed
    }
    #expect(first.tokenIDs == alone[0].tokenIDs)
    #expect(try generator.generate(after: []).isEmpty)
  }

  @Test("The seed decides; equal prompts of a batch differ, and so do neighbouring seeds")
  func seeds() throws {
    let generator = try Generator(tinyDecoder(), Trained.lossless)
    func ids(_ seed: UInt64) throws -> [[Int32]] {
      try generator.generate(after: ["The", "The", "The"], maxTokens: 12, seed: seed).map(\.tokenIDs)
    }
    let first = try ids(1)
    #expect(try ids(1) == first)
    #expect(Set(first + (try ids(2))).count == 6)
    #expect(try generator.text(after: "The", maxTokens: 12, seed: 1) == Trained.lossless.decode(first[0]))
  }

  @Test("Streamed text, joined, is the text; prompt and text are what all ids decode to", arguments: [false, true])
  func streaming(hasPrefix: Bool) throws {
    let tokenizer = hasPrefix ? Trained.withPrefix : Trained.lossless
    let generator = try Generator(tinyDecoder(), tokenizer)
    for seed in 0..<8 as Range<UInt64> {
      var parts = [String](repeating: "", count: 3)
      let prompts = ["The cats", "a ball", ""]
      let generations = try generator.generate(after: prompts, maxTokens: 40, stop: ["zzz"], seed: seed) { event in
        parts[event.prompt] += event.text
        return .proceed
      }
      for (prompt, (part, generation)) in zip(prompts, zip(parts, generations)) {
        #expect(part == generation.text)
        #expect(prompt + part == tokenizer.decode(tokenizer.encode(prompt) + generation.tokenIDs))
      }
    }
  }

  @Test("A stop string ends the text before it, over any number of tokens")
  func stopStrings() throws {
    let generator = try Generator(tinyDecoder(), Trained.lossless)
    let whole = try generator.generate(after: "The cats", sampling: .topK(30), maxTokens: 40, seed: 3) { _ in .proceed }
    let scalars = Array(whole.text.unicodeScalars)
    for start in stride(from: 3, to: scalars.count - 8, by: 3) {
      let stop = string(scalars[start..<start + 5])
      var streamed = ""
      let stopped = try generator.generate(
        after: "The cats", sampling: .topK(30), maxTokens: 40, stop: ["not there", stop], seed: 3
      ) {
        streamed += $0
        return .proceed
      }
      let utf8 = Array(whole.text.utf8)
      let place = try #require(utf8.indices.first { utf8[$0...].starts(with: stop.utf8) })
      #expect(stopped.stopReason == .stopString(stop))
      #expect(Array(stopped.text.utf8) == Array(utf8[..<place]))
      #expect(streamed == stopped.text)
      #expect(stopped.tokenIDs == Array(whole.tokenIDs[..<stopped.tokenIDs.count]))
    }
  }

  @Test("EOS ends a text and is not part of it")
  func endOfText() throws {
    let tokenizer = Trained.lossless
    let free = try Generator(tinyDecoder(), tokenizer).generate(after: ["The cats"], sampling: .greedy, maxTokens: 30)
    let end = free[0].tokenIDs[5]
    let place = try #require(free[0].tokenIDs.firstIndex(of: end))
    let ended = try Generator(tinyDecoder(eosTokenIDs: [3, Int(end)]), tokenizer).generate(
      after: ["The cats"], sampling: .greedy, maxTokens: 30)
    #expect(ended[0].tokenIDs == Array(free[0].tokenIDs[...place]))
    #expect(ended[0].stopReason == .endOfText)
  }

  @Test("Prompt and continuation never exceed the context")
  func contextFull() throws {
    let tokenizer = Trained.lossless
    let generator = try Generator(tinyDecoder(contextLength: 24), tokenizer)
    let generation = try generator.generate(after: ["The cats"], maxTokens: 1000)[0]
    #expect(generation.stopReason == .contextFull)
    #expect(generation.promptTokenCount + generation.tokenIDs.count == 24)
    let exact = try generator.generate(after: ["The cats"], maxTokens: generation.tokenIDs.count - 1)[0]
    #expect(exact.stopReason == .maxTokens)
    #expect(exact.tokenIDs == generation.tokenIDs.dropLast())
  }

  @Test("The handler can end one sequence of several")
  func handler() throws {
    let generator = try Generator(tinyDecoder(), Trained.lossless)
    var events = 0
    let generations = try generator.generate(after: ["The", "a"], maxTokens: 10) { event in
      if event.prompt == 0 { events += 1 }
      return event.prompt == 0 && events == 4 ? .stop : .proceed
    }
    #expect(generations[0].stopReason == .handler)
    #expect(generations[0].tokenIDs.count == 4)
    #expect(generations[1].stopReason == .maxTokens)
    #expect(generations[1].tokenIDs.count == 10)
  }

  @Test("Tokens are drawn from all outputs; those without a token of the tokenizer's are no text")
  func paddedVocabulary() throws {
    let decoder = tinyDecoder(vocabularySize: 5000)
    let generations = try Generator(decoder, Trained.lossless).generate(
      after: ["The", "a", "ball"], sampling: Sampling(temperature: 5), maxTokens: 20)
    #expect(generations.flatMap(\.tokenIDs).contains { $0 >= 320 })
    for generation in generations {
      #expect(generation.text == Trained.lossless.decode(generation.tokenIDs.filter { $0 < 320 }))
    }
    // the probability is the one among all outputs
    let first = generations[0]
    var sequence = [Trained.lossless.bosID!] + Trained.lossless.encode("The")
    for (id, logProbability) in zip(first.tokenIDs.prefix(3), first.logProbabilities) {
      let logits = decoder.lastLogits(sequence).map(Double.init)
      let logSum = log(logits.reduce(0) { $0 + exp($1) })
      #expect(abs(logits[Int(id)] - logSum - Double(logProbability)) < 1e-3)
      sequence.append(id)
    }
  }

  @Test("An end that is beyond the tokenizer ends a text")
  func endBeyondTheTokenizer() throws {
    let any = try Generator(tinyDecoder(vocabularySize: 5000), Trained.lossless)
    let ids = try any.generate(after: ["The"], sampling: .greedy, maxTokens: 20)[0].tokenIDs
    let end = try #require(ids.first { $0 >= 320 })
    let decoder = tinyDecoder(vocabularySize: 5000, eosTokenIDs: [2, Int(end)])
    let generation = try Generator(decoder, Trained.lossless).generate(
      after: ["The"], sampling: .greedy, maxTokens: 20)[0]
    #expect(generation.stopReason == .endOfText && generation.tokenIDs.last == end)
  }

  @Test("A tokenizer without BOS starts from the prompt alone")
  func withoutBeginning() throws {
    let tokenizer = Trained.withoutBeginning
    let generator = try Generator(tinyDecoder(), tokenizer)
    let generation = try generator.generate(after: ["The cats"], maxTokens: 3)[0]
    #expect(generation.promptTokenCount == tokenizer.encode("The cats").count)
    #expect(throws: GenerationError.emptyPrompt(prompt: 1)) { try generator.generate(after: ["The", ""]) }
  }

  @Test("Any kind of tokenizer will do")
  func secondTokenizer() throws {
    let tokenizer = ByteTokenizer()
    let generation = try Generator(tinyDecoder(), tokenizer).generate(after: ["the "], maxTokens: 12)[0]
    #expect(generation.promptTokenCount == 3)
    #expect(generation.text == tokenizer.decode(generation.tokenIDs))
  }

  @Test("Requests that cannot be are refused")
  func refusals() throws {
    let tokenizer = Trained.lossless
    let generator = try Generator(tinyDecoder(contextLength: 8), tokenizer)
    let long = "0123456789"
    #expect(throws: GenerationError.promptTooLong(prompt: 1, tokens: 11, contextLength: 8)) {
      try generator.generate(after: ["T", long])
    }
    #expect(throws: GenerationError.vocabularyTooSmall(model: 300, tokenizer: 320)) {
      try Generator(tinyDecoder(vocabularySize: 300), tokenizer)
    }
    #expect(throws: GenerationError.value(InvalidValue("max-tokens", expected: "at least 1", found: "0"))) {
      try generator.text(after: "T", maxTokens: 0)
    }
    #expect(throws: GenerationError.value(InvalidValue("batch-size", expected: "at least 1", found: "0"))) {
      try generator.generate(after: ["T"], batchSize: 0)
    }
    #expect(
      throws: GenerationError.value(
        InvalidValue("stop", expected: "texts of at least one character", found: "an empty one"))
    ) {
      try generator.text(after: "T", stop: ["a", ""])
    }
    #expect(throws: GenerationError.self) { try generator.text(after: "T", .topP(2)) }
  }

  @Test("A model whose weights are NaN is refused")
  func damaged() throws {
    let decoder = tinyDecoder()
    decoder.head.dense(on: decoder.device).withMutableSpan { $0[5] = .nan }
    #expect {
      try Generator(decoder, Trained.lossless).text(after: "The")
    } throws: { error in
      guard case .logitsNotFinite(let largest) = error as? GenerationError else { return false }
      return largest.isNaN
    }
  }

  @Test("Error texts name what was expected and found")
  func descriptions() {
    let errors: [(GenerationError, String)] = [
      (
        .promptTooLong(prompt: 1, tokens: 600, contextLength: 512),
        "prompt 2: tokens: expected at most 511, one less than the model's context of 512, found 600; shorten it"
      ),
      (
        .vocabularyTooSmall(model: 300, tokenizer: 320),
        "the model: vocab_size: expected at least the tokenizer's 320, found 300; give the model the tokenizer it was "
          + "trained with"
      ),
      (.emptyPrompt(prompt: 0), "prompt 1: expected some text, for the tokenizer has no BOS to start from, found none"),
      (.value(InvalidValue("top-k", expected: "at least 1", found: "0")), "top-k: expected at least 1, found 0"),
      (
        .logitsNotFinite(largest: .infinity),
        "the largest logit is inf, so that no token can be chosen; the model's weights are damaged, or its training "
          + "diverged"
      ),
    ]
    for (error, description) in errors { #expect(error.description == description) }
  }
}

private func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
  var view = String.UnicodeScalarView()
  view.append(contentsOf: scalars)
  return String(view)
}
