import Foundation
import LanguageModels
import ModelFiles
import TensorCore
import TestSupport
import Testing
import TextGeneration
import Tokenization

private let folder = Folders.shared.appendingPathComponent("models/stories260K")

/// expected.json holds what Hugging Face transformers computes for the model in float32.
@Suite("Generation with stories260K", .enabled(if: Folders.hasShared, "needs the folder `shared` beside the clone"))
struct SharedModelTests {
  private struct Expected: Decodable {
    let promptIds: [Int32]
    let lastLogitsFirst16: [Float]
    let logitsSum: Double
    let logitsAbsSum: Double
    let argmaxPerPosition: [Int]
    let greedy60Ids: [Int32]
    let greedy60Text: String
  }

  private func expected() throws -> Expected {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Expected.self, from: Data(contentsOf: folder.appendingPathComponent("expected.json")))
  }

  @Test("The greedy continuation is that of transformers, token for token")
  func greedy() throws {
    let expected = try expected()
    let tokenizer = try SentencePieceTokenizer(contentsOf: folder.appendingPathComponent("tokenizer.model"))
    let generator = try Generator(FrozenDecoder(contentsOf: folder), tokenizer)
    let prompt = tokenizer.decode(expected.promptIds)
    let generation = try generator.generate(after: [prompt], sampling: .greedy, maxTokens: 60)[0]
    #expect(generation.promptTokenCount == expected.promptIds.count)
    #expect(generation.tokenIDs == Array(expected.greedy60Ids.dropFirst(expected.promptIds.count)))
    #expect(prompt + generation.text == expected.greedy60Text)
    #expect(generation.stopReason == .maxTokens)
  }

  @Test("The logits of the prompt are those of transformers")
  func logits() throws {
    let expected = try expected()
    let model = try FrozenDecoder(contentsOf: folder)
    let logits = model.logits(model.hiddenStates(expected.promptIds, batchSize: 1)).array()
    let rows = stride(from: 0, to: logits.count, by: 512).map { Array(logits[$0..<$0 + 512]) }
    #expect(rows.map { RowKernels.argmax($0.span) } == expected.argmaxPerPosition)
    for (found, expected) in zip(rows[rows.count - 1], expected.lastLogitsFirst16) {
      #expect(abs(found - expected) < 1e-4)
    }
    let sum = logits.reduce(0) { $0 + Double($1) }
    let absoluteSum = logits.reduce(0) { $0 + Double(abs($1)) }
    #expect(abs(sum - expected.logitsSum) < 1e-5 * expected.logitsAbsSum)
    #expect(abs(absoluteSum - expected.logitsAbsSum) < 1e-5 * expected.logitsAbsSum)
  }
}
