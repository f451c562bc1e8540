import Foundation
import TestSupport
import Testing
import Tokenization

@Suite("A document as ids")
struct TokenizedDocumentTests {
  @Test("Stretches that count grow together where they touch")
  func stretches() {
    var document = TokenizedDocument([1, 2])
    document.append([3], counted: true)
    document.append([], counted: true)
    document.append([4, 5], counted: false)
    document.append([6], counted: true)
    #expect(document.ids == [1, 2, 3, 4, 5, 6])
    #expect(document.counted == [0..<3, 5..<6] && document.countedTokens == 4)
    #expect(document.countedIDs == [1, 2, 3, 6])
    document.removeLast()
    #expect(document.ids == [1, 2, 3, 4, 5] && document.counted == [0..<3])
    document.removeLast()
    document.removeLast()
    document.removeLast()
    #expect(document.ids == [1, 2] && document.counted == [0..<2])
    #expect(TokenizedDocument().counted.isEmpty)
  }

  @Test("The EOS that generation recorded is not part of the text")
  func end() throws {
    let folder = try TemporaryFolder()
    let tokenizer = Trained.unigram
    let file = try folder.write(Array("{\"prompt\": \"ba\", \"completion\": \" lo\"}".utf8), to: "x.jsonl")
    let text = try tokenizer.tokens(of: Corpus(paths: [file.path]))
    let eos = try #require(tokenizer.eosID)
    #expect(text.documents.count == 1 && text.documents[0].ids.last != eos)
  }
}
