import ModelTraining
import TestSupport
import Testing
import Tokenization

@testable import Distillation

/// Prompts from the beginnings of sequences begin and end with whole words.
@Suite struct WordBoundaryTests {
  private let tokenizer = ByteTokenizer(pairs: ["th", "e ", "\n\n"])
  private var words: WordBoundaries { WordBoundaries(tokenizer) }

  private func prompt(_ text: String, length: Int, hasBOS: Bool = true, beginsDocument: Bool = false) -> String {
    let ids = (hasBOS ? [256] : []) + tokenizer.encode([text])[0]
    let prompt = words.prompt(from: ids[...], length: length, beginsDocument: beginsDocument)
    #expect(prompt.count <= length)
    #expect((prompt.first == 256) == hasBOS)
    return tokenizer.decode(prompt.filter { $0 != 256 })
  }

  @Test func wordsAreWhole() {
    // "ory" is the end of a word, and what fits would end in another
    #expect(prompt("ory of the little girl", length: 12) == " of the ")
    #expect(prompt("ory of the little girl", length: 12, hasBOS: false) == " of the little ")
    #expect(prompt("story of little girls", length: 14, beginsDocument: true) == "story of ")
    #expect(prompt("y\n\nOnce more it was", length: 9) == "\n\nOnce ")
    // a token that ends with a space is one before a word
    #expect(prompt("the girl was", length: 6, hasBOS: false) == "girl ")
  }

  @Test func textsWithoutSpacesAreCutAnywhere() {
    #expect(prompt("abcdefghij", length: 5) == "abcd")
    #expect(prompt("abcdefghij", length: 30) == "abcdefghij")
    #expect(prompt("ab", length: 1, hasBOS: false) == "a")
  }

  @Test func ofSeveralDocumentsTheFirstIsTheBeginning() {
    let ids = tokenizer.encode(["a b c d e f g h"])[0]
    let batch = TokenBatch(
      ids: ids + ids, targets: ids + ids, batchSize: 2, segments: [4, 10, 14], beginsDocument: [true, false])
    #expect(tokenizer.decode(batch.prompt(ofSequence: 0, length: 9, words: words)) == "a b ")
    #expect(tokenizer.decode(batch.prompt(ofSequence: 1, length: 4, words: words)) == " b c")
    #expect(batch.prompt(ofSequence: 1, length: 4, words: nil) == Array(ids[..<4]))
  }
}
