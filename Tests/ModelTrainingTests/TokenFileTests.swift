import Foundation
import ModelTraining
import Testing
import Tokenization

@Suite struct TokenFileTests {
  @Test func aTokenFileIsPackedWithItsMask() throws {
    let folder = try TemporaryFolder()
    var text = ""
    for number in 0..<40 {
      text += #"{"prompt": "what follows \#(number)? ", "completion": "the number \#(number + 1)"}"# + "\n"
    }
    try Data(text.utf8).write(to: folder.file("pairs.jsonl"))
    let corpus = try Corpus(paths: [folder.file("pairs.jsonl").path])
    let tokenizer = try TokenizerTrainer(TokenizerTrainingOptions(vocabularySize: 300)).train(on: corpus)
    let file = try TokenFile.open(for: corpus, tokenizer: tokenizer, in: folder.file("tokens"))
    #expect(file.countedTokens < file.count)

    let text8 = try PackedSequences(file, sequenceLength: 8, name: "pairs.jsonl")
    #expect(text8.count == (file.count - 1) / 8)
    let whole = text8.batch(Array(0..<text8.count))
    let used = text8.count * 8
    #expect(whole.ids == file.ids(0..<used))
    #expect(whole.targets == (1...used).map { file.countsInLoss($0) ? file[$0] : -1 })
    #expect(whole.countedTokens > used / 4)
    #expect(whole.countedTokens < used)
  }
}
