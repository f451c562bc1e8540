import Diagnostics
import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing
import Tokenization

@testable import ModelEvaluation

@Suite("Perplexity")
struct PerplexityTests {
  struct Case: Sendable, CustomStringConvertible {
    let lengths: [Int]
    let window: Int
    let stride: Int?
    var description: String { "documents of \(lengths), window \(window), stride \(stride.map(String.init) ?? "none")" }
  }

  static let cases: [Case] = [
    Case(lengths: [100], window: 32, stride: nil), Case(lengths: [96], window: 32, stride: nil),
    Case(lengths: [97], window: 32, stride: nil), Case(lengths: [5], window: 32, stride: nil),
    Case(lengths: [2], window: 1, stride: nil), Case(lengths: [20], window: 1, stride: 1),
    Case(lengths: [100], window: 32, stride: 8), Case(lengths: [100], window: 32, stride: 31),
    Case(lengths: [40, 0, 7, 33, 1, 64], window: 16, stride: nil),
    Case(lengths: [40, 0, 7, 33, 1, 64], window: 16, stride: 5), Case(lengths: [23], window: 7, stride: 1),
  ]

  @Test("Every token is scored once, as the definition says, whatever the batch size", arguments: cases)
  func reference(_ testCase: Case) throws {
    let decoder = smallDecoder(seed: 1)
    let documents = testCase.lengths.enumerated().map { randomIDs($1, seed: UInt64($0)) }
    let ids = documents.flatMap { $0 }
    let expected = zip(
      referenceLogProbabilities(
        decoder, documents, bos: 1, window: testCase.window, stride: testCase.stride ?? testCase.window), ids
    ).map { -$0[Int($1)] }
    let n = Double(ids.count)
    let mean = expected.reduce(0, +) / n
    let variance = expected.reduce(0) { $0 + $1 * $1 } / n - mean * mean
    for batchSize in [nil, 1, 2, 3] {
      let text = EvaluationText(documents: documents, byteCount: 321, wordCount: 77, beginningID: nil)
      let result = try Perplexity(
        of: decoder, on: text, window: testCase.window, stride: testCase.stride, batchSize: batchSize)
      #expect(result.tokens == ids.count)
      #expect(abs(result.natsPerToken - mean) < 1e-5)
      #expect(abs(result.perplexity / exp(mean) - 1) < 1e-5)
      #expect(abs(result.perplexityStandardError - exp(mean) * (variance / (n - 1)).squareRoot()) < 1e-3)
      #expect(abs(try #require(result.bitsPerByte) - mean * n / log(2) / 321) < 1e-5)
      #expect(abs(try #require(result.wordPerplexity) / exp(mean * n / 77) - 1) < 1e-4)
      #expect(try #require(result.tokensPerSecond) > 0)
    }
  }

  @Test("Context helps to see that windows overlap: a stride scores the same tokens otherwise")
  func strideMatters() throws {
    let decoder = smallDecoder(seed: 1)
    let text = EvaluationText(documents: [randomIDs(100, seed: 3)])
    let disjoint = try Perplexity(of: decoder, on: text, window: 16)
    let overlapping = try Perplexity(of: decoder, on: text, window: 16, stride: 4)
    #expect(overlapping.tokens == disjoint.tokens)
    #expect(abs(overlapping.natsPerToken - disjoint.natsPerToken) > 1e-3)
  }

  @Test("The text's BOS comes before the configuration's")
  func beginning() throws {
    let decoder = smallDecoder(seed: 1)
    let documents = [randomIDs(40, seed: 3)]
    let text = EvaluationText(documents: documents, beginningID: 7)
    let result = try Perplexity(of: decoder, on: text, window: 16)
    let reference = referenceLogProbabilities(decoder, documents, bos: 7, window: 16, stride: 16)
    let mean = zip(reference, documents[0]).reduce(0) { $0 - $1.0[Int($1.1)] } / 40
    #expect(abs(result.natsPerToken - mean) < 1e-5)
  }

  @Test("Progress counts every token once")
  func progress() throws {
    let text = EvaluationText(documents: [randomIDs(100, seed: 3)])
    var seen: [EvaluationProgress] = []
    let result = try Perplexity(of: smallDecoder(seed: 1), on: text, window: 16, batchSize: 2) { seen.append($0) }
    #expect(seen.map(\.tokens) == [32, 64, 96, 100])
    #expect(seen.allSatisfy { $0.totalTokens == 100 })
    #expect(abs(seen[3].natsPerToken - result.natsPerToken) < 1e-12)
  }

  @Test("JSON has the keys of the command, and nothing unknown")
  func json() throws {
    let decoder = smallDecoder(seed: 1)
    let known = try Perplexity(
      of: decoder, on: EvaluationText(documents: [[3, 4, 5]], byteCount: 9, wordCount: 2), window: 8)
    func keys(_ value: Perplexity) throws -> [String] {
      let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(value))
      return try #require(object as? [String: Any]).keys.sorted()
    }
    let all = [
      "bits_per_byte", "nats_per_token", "perplexity", "perplexity_standard_error", "tokens", "tokens_per_second",
      "word_perplexity",
    ]
    #expect(try keys(known) == all)
    let unknown = try Perplexity(of: decoder, on: EvaluationText(documents: [[3, 4, 5]]), window: 8)
    #expect(unknown.bitsPerByte == nil)
    #expect(try keys(unknown) == all.filter { $0 != "bits_per_byte" && $0 != "word_perplexity" })
    let withoutWords = EvaluationText(documents: [[3, 4, 5]], byteCount: 9, wordCount: 0)
    #expect(try Perplexity(of: decoder, on: withoutWords, window: 8).wordPerplexity == nil)
    #expect(try JSONDecoder().decode(Perplexity.self, from: JSONEncoder().encode(known)) == known)
  }

  @Test("Requests that cannot be are refused")
  func refusals() throws {
    let decoder = smallDecoder(seed: 1)
    func evaluate(
      _ documents: [[Int32]], window: Int = 16, stride: Int? = nil, batchSize: Int? = nil, bos: Int32? = nil
    ) throws(EvaluationError) -> Perplexity {
      try Perplexity(
        of: decoder, on: EvaluationText(documents: documents, beginningID: bos), window: window, stride: stride,
        batchSize: batchSize)
    }
    #expect(throws: EvaluationError.emptyText) { try evaluate([]) }
    #expect(throws: EvaluationError.emptyText) { try evaluate([[], []]) }
    #expect(throws: EvaluationError.tooFewTokens(found: 1)) { try evaluate([[], [3]]) }
    #expect(throws: EvaluationError.nothingCounted) {
      try Perplexity(of: decoder, on: EvaluationText([TokenizedDocument(prompt: [3, 4], completion: [])]), window: 8)
    }
    #expect(
      throws: EvaluationError.value(
        InvalidValue("window", expected: "at most 32 tokens, the context of the model", found: "33"))
    ) {
      try evaluate([[3, 4]], window: 33)
    }
    #expect(throws: EvaluationError.value(InvalidValue("window", expected: "at least 1 token", found: "0"))) {
      try evaluate([[3, 4]], window: 0)
    }
    for stride in [0, 17] {
      #expect(
        throws: EvaluationError.value(
          InvalidValue("stride", expected: "from 1 token to the 16 of a window", found: "\(stride)"))
      ) {
        try evaluate([[3, 4]], stride: stride)
      }
    }
    #expect(throws: EvaluationError.value(InvalidValue("batch-size", expected: "at least 1", found: "0"))) {
      try evaluate([[3, 4]], batchSize: 0)
    }
    #expect(
      throws: EvaluationError.tokenOutsideVocabulary(model: "the model", id: 50, position: 3, vocabularySize: 50)
    ) {
      try evaluate([[3, 4], [5, 50]])
    }
    #expect(
      throws: EvaluationError.tokenOutsideVocabulary(model: "the model", id: -1, position: 0, vocabularySize: 50)
    ) {
      try evaluate([[-1, 4]])
    }
    #expect(
      throws: EvaluationError.tokenOutsideVocabulary(model: "the model", id: 60, position: nil, vocabularySize: 50)
    ) {
      try evaluate([[3, 4]], bos: 60)
    }
    #expect(throws: EvaluationError.noBeginningToken) {
      var configuration = smallDecoder(bosTokenID: nil, seed: 1).configuration
      configuration.eosTokenIDs = []
      let decoder = TransformerDecoder(configuration: configuration, seed: 1)
      return try Perplexity(of: decoder, on: EvaluationText(documents: [[3, 4]]), window: 8)
    }
  }

  @Test("Without any BOS, windows begin with the first token that ends a text")
  func beginningWithEOS() throws {
    var configuration = smallDecoder(bosTokenID: nil, seed: 1).configuration
    configuration.eosTokenIDs = [7, 2]
    let text = EvaluationText(documents: [[3, 4, 9], [5, 6]])
    let decoder = TransformerDecoder(configuration: configuration, seed: 1)
    let found = try Perplexity(of: decoder, on: text, window: 8)
    let expected = try Perplexity(of: smallDecoder(bosTokenID: 7, seed: 1), on: text, window: 8)
    let other = try Perplexity(of: smallDecoder(bosTokenID: 2, seed: 1), on: text, window: 8)
    #expect(found.natsPerToken == expected.natsPerToken && found.natsPerToken != other.natsPerToken)
  }

  @Test("A damaged model is refused with the first token it fails on")
  func damaged() throws {
    let decoder = smallDecoder(seed: 1)
    decoder.head.dense(on: decoder.device).withMutableSpan { $0[16 * 9] = .nan }
    #expect {
      try Perplexity(of: decoder, on: EvaluationText(documents: [randomIDs(40, seed: 2)]), window: 16)
    } throws: { error in
      guard case .notFinite(let model, let quantity, let value, let position) = error as? EvaluationError else {
        return false
      }
      return model == "the model" && quantity == "loss" && value.isNaN && position == 0
    }
  }

  @Test("Words are runs of characters without white space")
  func words() {
    #expect(EvaluationText.wordCount(of: "") == 0)
    #expect(EvaluationText.wordCount(of: " \n\t\u{A0}") == 0)
    #expect(EvaluationText.wordCount(of: " one\ntwo  three\u{3000}four's.") == 4)
  }

  @Test("Error texts name what was expected and found")
  func descriptions() {
    let errors: [(EvaluationError, String)] = [
      (.emptyText, "the text is empty: there is nothing to evaluate on"),
      (.tooFewTokens(found: 1), "the text has 1 token that counts, but at least 2 are needed for a standard error"),
      (
        .tokenOutsideVocabulary(model: "student 2", id: 60, position: 7, vocabularySize: 50),
        "token 7 of the text has the id 60, but student 2 has ids from 0 to 49; was the text "
          + "encoded with its tokenizer?"
      ),
      (
        .tokenOutsideVocabulary(model: "the model", id: 60, position: nil, vocabularySize: 50),
        "BOS has the id 60, but the model has ids from 0 to 49; was the text encoded with its tokenizer?"
      ),
      (
        .notFinite(model: "the model", quantity: "loss", value: .infinity, position: 3),
        "the model: the loss of token 3 of the text is inf; the model's weights are damaged, its training diverged, or "
          + "it rules the token out"
      ),
      (.value(InvalidValue("stride", expected: "at least 1", found: "0")), "stride: expected at least 1, found 0"),
      (
        .noBeginningToken,
        "expected a token to begin windows with, BOS of the tokenizer or bos_token_id or eos_token_id in config.json, "
          + "found none; add the id of a token that stands before texts to config.json"
      ),
    ]
    for (error, description) in errors { #expect(error.description == description) }
  }
}
