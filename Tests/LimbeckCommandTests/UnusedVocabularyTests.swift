import Foundation
import LanguageModels
import ModelTraining
import TestSupport
import Testing
import Tokenization

@testable import LimbeckCommand

@Suite("Tokens that a text never has")
struct UnusedVocabularyTests {
  private static func tokenizer() throws -> any Tokenizer {
    try loadTokenizer(from: Folders.project.appendingPathComponent("tokenizers/austen-2048.model"))
  }

  private static func hint(_ ids: [Int32], parameters: Int, ties: Bool = true) throws -> String? {
    let tokenizer = try tokenizer()
    let student = DecoderConfiguration(
      vocabularySize: tokenizer.vocabularySize, hiddenSize: 8, feedForwardSize: 16, layerCount: 1, headCount: 1,
      tiesEmbeddings: ties)
    let text = try PackedSequences(TokenArray(ids), sequenceLength: 16, name: "text")
    return UnusedVocabulary.hint(of: student, parameters: parameters, tokenizer, on: text)
  }

  @Test("are told of, with what the student would save")
  func told() throws {
    // text of two tokens: (V − 2) · 8 of the weights
    let size = try Self.tokenizer().vocabularySize
    let ids = (0..<100).map { Int32($0 % 2 + 5) }
    #expect(
      try Self.hint(ids, parameters: (size - 2) * 16) == """
        the text has 2 of \(Format.count(size)) tokens; --reduce-vocabulary would take away up to 50 % of the \
        student's weights
        """)
    #expect(try Self.hint(ids, parameters: (size - 2) * 32) == nil)
    #expect(try Self.hint(ids, parameters: (size - 2) * 32, ties: false)?.contains("up to 50 %") == true)
  }

  @Test("are not, where the text has most of them")
  func silent() throws {
    let size = try Self.tokenizer().vocabularySize
    #expect(try Self.hint((0..<Int32(size)).map { $0 }, parameters: size * 9) == nil)
  }
}
