import Foundation
import LanguageModels
import ModelEvaluation
import TensorCore
import TestSupport
import Testing
import Tokenization

@testable import DistillationReport

@Suite("A passage, token by token")
struct ComparedPassageTests {
  private static let story = """
    The old sailor lost a lamp by the river — “alas”, he said.

    At night the grey owl sang of a crown; nobody in the wood heard it before dawn, not even the queen 女王.
    """

  private struct Setting {
    let tokenizer: SentencePieceTokenizer
    let ids: [Int32]
    let teacher, student: TransformerDecoder
    let tokens: TokenComparison

    init() throws {
      tokenizer = try SentencePieceTokenizer(
        contentsOf: Folders.project.appendingPathComponent("tokenizers/austen-2048.model"))
      ids = tokenizer.encode(story)
      teacher = smallDecoder(vocabularySize: 2048, seed: 1)
      student = smallDecoder(vocabularySize: 2048, seed: 2)
      tokens = try TokenComparison(
        teacher: teacher, students: [student, teacher], on: EvaluationText(story, tokenizer: tokenizer), window: 16)
    }
  }

  @Test("Divergences, probabilities and first choices are those of the plain definitions")
  func reference() throws {
    let setting = try Setting()
    let passage = ComparedPassage(5..<25, of: setting.tokens, tokenizer: setting.tokenizer)
    let bos = try #require(setting.tokenizer.bosID)
    let p = referenceLogProbabilities(setting.teacher, [setting.ids], bos: bos, window: 16, stride: 16)
    let q = referenceLogProbabilities(setting.student, [setting.ids], bos: bos, window: 16, stride: 16)
    #expect(passage.position == 5 && passage.tokens.count == 20)
    for (position, token) in zip(5..., passage.tokens) {
      let (p, q, id) = (p[position], q[position], Int(setting.ids[position]))
      #expect(abs(token.teacherProbability - exp(p[id])) < 1e-6)
      #expect(abs(token.students[0].probability - exp(q[id])) < 1e-6)
      #expect(abs(token.students[0].divergence - zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }) < 1e-4)
      #expect(token.students[1].divergence == 0)
      #expect(token.students[1].top == token.teacherTop)
      let top = try #require(q.firstIndex(of: q.max() ?? 0))
      #expect(token.students[0].top == setting.tokenizer.spelling(of: Int32(top)).replacing("\u{2581}", with: " "))
    }
  }

  @Test("The tokens' texts, joined, are the text, characters of several tokens included")
  func text() throws {
    let setting = try Setting()
    let passage = ComparedPassage(0..<setting.ids.count, of: setting.tokens, tokenizer: setting.tokenizer)
    #expect(passage.tokens.map(\.text).joined() == Self.story)
    #expect(passage.tokens.contains { $0.text.isEmpty })
  }

  @Test("The typical stretch is the one of median divergence")
  func typical() throws {
    let setting = try Setting()
    let scores = setting.tokens.students[0].divergences
    let passage = ComparedPassage(typicalOf: setting.tokens, length: 10, tokenizer: setting.tokenizer)
    let starts = stride(from: 0, to: setting.ids.count, by: 16).filter { $0 + 10 <= setting.ids.count }
    let means = starts.map { start in scores[start..<start + 10].reduce(0, +) }
    let median = zip(starts, means).sorted { $0.1 < $1.1 }.map(\.0)[(starts.count - 1) / 2]
    #expect(starts.count >= 3)
    #expect(passage.position == median && passage.tokens.count == 10)
    let whole = ComparedPassage(typicalOf: setting.tokens, length: 1000, tokenizer: setting.tokenizer)
    #expect(whole.tokens.count == 16)
  }
}

@Suite("Excerpts of a text")
struct TextExcerptTests {
  private static func text(_ content: String) throws -> (EvaluationText, SentencePieceTokenizer) {
    let tokenizer = try SentencePieceTokenizer(
      contentsOf: Folders.project.appendingPathComponent("tokenizers/austen-2048.model"))
    return (EvaluationText(content, tokenizer: tokenizer), tokenizer)
  }

  @Test("They begin with paragraphs, at different places, and go on as the text does")
  func paragraphs() throws {
    let paragraphs = (0..<60).map { "Paragraph \($0) tells of the sea\nand of ships. It has an end." }
    let content = paragraphs.joined(separator: "\n\n")
    let (text, tokenizer) = try Self.text(content)
    let excerpts = text.excerpts(3, words: 4, continuationWords: 8, tokenizer: tokenizer)
    #expect(excerpts.count == 3 && Set(excerpts.map(\.beginning)).count == 3)
    for excerpt in excerpts {
      #expect(excerpt.beginning.hasPrefix("Paragraph ") && excerpt.beginning.hasSuffix(" tells of"))
      #expect(content.contains(excerpt.beginning + excerpt.continuation))
      #expect(excerpt.continuation.hasPrefix(" the sea\nand of ships."))
    }
  }

  @Test("Of a short text there is one, of a text of one word none")
  func short() throws {
    let (text, tokenizer) = try Self.text("It is a truth universally acknowledged, that a man must be in want.")
    let excerpts = text.excerpts(3, words: 2, continuationWords: 40, tokenizer: tokenizer)
    #expect(excerpts.count == 1)
    let (word, other) = try Self.text("Truth")
    #expect(word.excerpts(3, words: 2, continuationWords: 4, tokenizer: other).isEmpty)
  }
}
