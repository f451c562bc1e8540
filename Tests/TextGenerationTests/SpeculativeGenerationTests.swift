import Diagnostics
import LanguageModels
import TensorCore
import Testing
import Tokenization

@testable import TextGeneration

@Suite("Generation with a draft") struct SpeculativeGenerationTests {
  /// A draft that often agrees with the model: the model with some noise in its weights.
  private func draft(of model: TransformerDecoder, contextLength: Int? = nil, noise: Float = 0.02) -> TransformerDecoder
  {
    var generator = SeededGenerator(seed: 8)
    var configuration = model.configuration
    configuration.contextLength = contextLength ?? configuration.contextLength
    var values = model.parameters.parameters.map { $0.value.array() }.makeIterator()
    return TransformerDecoder(configuration: configuration, device: model.device) { _, shape in
      let noisy = (values.next() ?? []).map { $0 + noise * Float(generator.nextNormal()) }
      return .dense(Tensor(noisy, shape: shape, on: model.device))
    }
  }

  @Test(
    "At temperature 0 the text is the model's own, token by token",
    arguments: [DraftLength.fixed(1), .fixed(2), .fixed(6), .adaptive], [1, 3])
  func greedy(_ length: DraftLength, batchSize: Int) throws {
    let tokenizer = Trained.lossless
    let model = tinyDecoder(contextLength: 48)
    for draft in [draft(of: model), draft(of: model, contextLength: 30), model, tinyDecoder(seed: 2)] {
      for sampling in [Sampling.greedy, Sampling(temperature: 0, repetitionPenalty: 1.2)] {
        for maxTokens in [2, 1000] {
          func run(_ generator: Generator) throws -> [Generation] {
            try generator.generate(
              after: GeneratorTests.prompts, sampling: sampling, maxTokens: maxTokens, batchSize: batchSize)
          }
          let expected = try run(Generator(model, tokenizer))
          let found = try run(Generator(model, tokenizer, draft: draft, draftLength: length))
          #expect(found.map(\.tokenIDs) == expected.map(\.tokenIDs))
          #expect(found.map(\.text) == expected.map(\.text))
          #expect(found.map(\.stopReason) == expected.map(\.stopReason))
          for (generation, plain) in zip(found, expected) {
            for (one, other) in zip(generation.logProbabilities, plain.logProbabilities) {
              #expect(abs(one - other) < 1e-4)
            }
            let speculation = try #require(generation.speculation)
            #expect(speculation.tokens == generation.tokenIDs.count && speculation.passes <= speculation.tokens)
            #expect(speculation.acceptedTokens <= speculation.testedTokens)
          }
          #expect(expected.allSatisfy { $0.speculation == nil })
        }
      }
    }
  }

  @Test("EOS and stop strings end a text where they do without a draft", arguments: [DraftLength.fixed(4), .adaptive])
  func ends(_ length: DraftLength) throws {
    let tokenizer = Trained.lossless
    let free = try Generator(tinyDecoder(), tokenizer).generate(after: ["The cats"], sampling: .greedy, maxTokens: 30)
    for place in [0, 1, 4, 7, 20] {
      let model = tinyDecoder(eosTokenIDs: [Int(free[0].tokenIDs[place])])
      let scalars = Array(free[0].text.unicodeScalars)
      let stop = String(String.UnicodeScalarView(scalars[place..<place + 3]))
      for draft in [model, draft(of: model)] {
        let (plain, drafted) = (
          try Generator(model, tokenizer), try Generator(model, tokenizer, draft: draft, draftLength: length)
        )
        for stops in [[], [stop]] {
          let expected = try plain.generate(after: ["The cats"], sampling: .greedy, maxTokens: 30, stop: stops)[0]
          var streamed = ""
          let found = try drafted.generate(after: "The cats", sampling: .greedy, maxTokens: 30, stop: stops) {
            streamed += $0
            return .proceed
          }
          #expect(found.tokenIDs == expected.tokenIDs && found.text == expected.text && streamed == found.text)
          #expect(found.stopReason == expected.stopReason && found.stopReason != .maxTokens)
        }
      }
    }
  }

  @Test("The seed decides, whatever is computed together", arguments: [DraftLength.fixed(3), .adaptive])
  func seeds(_ length: DraftLength) throws {
    let model = tinyDecoder()
    let generator = try Generator(model, Trained.lossless, draft: draft(of: model), draftLength: length)
    func ids(_ seed: UInt64, batchSize: Int) throws -> [[Int32]] {
      try generator.generate(
        after: ["The", "The", "a ball"], sampling: .topP(0.9), maxTokens: 20, seed: seed, batchSize: batchSize
      ).map(\.tokenIDs)
    }
    let first = try ids(1, batchSize: 2)
    #expect(try ids(1, batchSize: 2) == first && ids(1, batchSize: 1) == first && ids(1, batchSize: 16) == first)
    #expect(first[0] != first[1])
    #expect(try ids(2, batchSize: 2) != first)
  }

  @Test("A good draft is worth its while, and acceptance is as predicted")
  func acceptance() throws {
    let model = tinyDecoder()
    let generator = try Generator(model, Trained.lossless, draft: draft(of: model), draftLength: .fixed(4))
    let generations = try generator.generate(
      after: (0..<40).map { "number \($0)" }, sampling: Sampling(temperature: 0.8, topK: 20), maxTokens: 40, seed: 3)
    let sum = generations.compactMap(\.speculation).reduce(into: SpeculationStatistics()) { $0 += $1 }
    #expect(sum.tokens == generations.reduce(0) { $0 + $1.tokenIDs.count })
    let (found, predicted) = (try #require(sum.acceptance), try #require(sum.predictedAcceptance))
    #expect(found > 0.5 && found < 0.99)
    #expect(abs(found - predicted) < 4 * (0.25 / Double(sum.testedTokens)).squareRoot())
    #expect(try #require(sum.tokensPerPass) > 1.5)
  }

  @Test("Drafts that cannot be are refused")
  func refusals() throws {
    let tokenizer = Trained.lossless
    #expect(throws: GenerationError.vocabulariesDiffer(model: 320, draft: 321)) {
      try Generator(tinyDecoder(), tokenizer, draft: tinyDecoder(vocabularySize: 321))
    }
    #expect(
      throws: GenerationError.value(InvalidValue("draft-tokens", expected: "at least 1, or adaptive", found: "0"))
    ) {
      try Generator(tinyDecoder(), tokenizer, draft: tinyDecoder(), draftLength: .fixed(0))
    }
    let generator = try Generator(tinyDecoder(), tokenizer, draft: tinyDecoder(contextLength: 8))
    let error = #expect(throws: GenerationError.self) { try generator.generate(after: ["T", "0123456789"]) }
    #expect(error == .promptTooLongForDraft(prompt: 1, tokens: 11, contextLength: 8))
    #expect(
      error?.description
        == "prompt 2: tokens: expected at most 7, one less than the draft's context of 8, found 11; shorten it, "
        + "or leave the draft out")
    #expect(
      GenerationError.vocabulariesDiffer(model: 320, draft: 321).description
        == "the draft: vocab_size: expected the model's 320, found 321; draft with a student of the model")
  }
}
