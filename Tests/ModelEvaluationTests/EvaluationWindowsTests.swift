import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing
import Tokenization

@testable import ModelEvaluation

@Suite("Windows of documents")
struct EvaluationWindowsTests {
  /// Prompts with completions, texts, a chat of two answers, and documents of no or one token.
  private static let documents: [TokenizedDocument] = {
    var chat = TokenizedDocument(prompt: randomIDs(5, seed: 1), completion: randomIDs(9, seed: 2))
    chat.append(randomIDs(11, seed: 3), counted: false)
    chat.append(randomIDs(6, seed: 4), counted: true)
    return [
      TokenizedDocument(prompt: randomIDs(3, seed: 5), completion: randomIDs(20, seed: 6)),
      TokenizedDocument(randomIDs(30, seed: 7)), chat, TokenizedDocument(), TokenizedDocument([7]),
      TokenizedDocument(prompt: randomIDs(40, seed: 8), completion: [9]),
      TokenizedDocument(prompt: randomIDs(4, seed: 9), completion: []),
    ]
  }()

  @Test("Tokens that count are scored, within their own document", arguments: [8, 16, 32], [1, 2])
  func counted(window: Int, overlap: Int) throws {
    let decoder = smallDecoder(seed: 1)
    let stride = window / overlap
    let reference = referenceLogProbabilities(
      decoder, Self.documents.map(\.ids), bos: 1, window: window, stride: stride)
    let ids = Self.documents.flatMap(\.ids)
    let counts = Self.documents.flatMap { document in
      document.ids.indices.map { place in document.counted.contains { $0.contains(place) } }
    }
    let expected = zip(zip(reference, ids), counts).filter { $1 }.map { -$0.0.0[Int($0.0.1)] }
    let text = EvaluationText(Self.documents, beginningID: 1)
    #expect(text.countedTokens == expected.count && expected.count == 20 + 30 + 15 + 1 + 1)
    for batchSize in [nil, 1, 3] {
      let result = try Perplexity(of: decoder, on: text, window: window, stride: stride, batchSize: batchSize)
      #expect(result.tokens == expected.count)
      #expect(abs(result.natsPerToken - expected.reduce(0, +) / Double(expected.count)) < 1e-5)
    }
    let scores = try TokenComparison(teacher: decoder, students: [decoder], on: text, window: window, stride: stride)
      .students[0].teacherNats
    #expect(scores.count == expected.count)
    for (score, nats) in zip(scores, expected) { #expect(abs(score - nats) < 1e-4) }
  }

  @Test("Many short documents are computed together, at most 4,096 tokens at a time, and each once")
  func groups() throws {
    var generator = SeededGenerator(seed: 3)
    let documents = (0..<20_000).map { _ in [Int32](repeating: 3, count: Int.random(in: 0...60, using: &generator)) }
    let windows = try EvaluationWindows(EvaluationText(documents: documents), window: 512, beginningID: 1)
    let groups = windows.groups()
    #expect(groups.flatMap(\.self).sorted() == Array(0..<windows.count))
    let fed = groups.map { windows.batch($0).ids.count }
    #expect(fed.allSatisfy { $0 <= 4096 })
    #expect(Double(fed.reduce(0, +)) < 1.15 * Double(windows.scoredTokens))
    #expect(fed.count < windows.scoredTokens / 3500)
    let first = windows.groups(first: 10)
    #expect(first.flatMap(\.self).sorted() == Array(0..<10))
    #expect(windows.scoredTokens(ofFirst: 10) == first.reduce(0) { $0 + windows.batch($1).rows.count })
  }

  @Test("A perplexity that overflows is null in JSON, and infinite again")
  func overflow() throws {
    let text = EvaluationText(documents: [[3, 4, 5]], byteCount: 4, wordCount: 1)
    let result = Perplexity(nats: [800, 900, 700], text: text, seconds: nil)
    #expect(result.perplexity == .infinity && result.wordPerplexity == .infinity && result.natsPerToken == 800)
    let data = try JSONEncoder().encode(result)
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(object["perplexity"] is NSNull && object["word_perplexity"] is NSNull)
    #expect(try JSONDecoder().decode(Perplexity.self, from: data).perplexity == .infinity)
    let ratio = Estimate(of: [800, 900]).exponential
    #expect(try JSONDecoder().decode(Estimate.self, from: JSONEncoder().encode(ratio)).mean == .infinity)
  }

  @Test("A token that fails is named by its place in the whole text")
  func places() {
    let text = EvaluationText(Self.documents)
    #expect(text.place(ofCounted: 0) == 3 && text.place(ofCounted: 19) == 22 && text.place(ofCounted: 20) == 23)
    #expect(text.place(ofCounted: 50) == 23 + 30 + 5 && text.place(ofCounted: 59) == 23 + 30 + 25)
  }
}
