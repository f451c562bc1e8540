import Foundation
import Limbeck
import TestSupport
import Testing

/// A real model, against transformers on its weights as gguf-py unpacks them (float32).
@Suite(
  "Gemma 3 270M from GGUF",
  .enabled(if: GemmaFile.url != nil, Comment(rawValue: GemmaFile.comment)))
struct GemmaTests {
  private struct Expected: Decodable {
    let tokens: Int
    let natsPerToken: Double
    let first32Ids: [Int32]
    let prompt: String
    let promptIds: [Int32]
    let lastLogitsTop10: [[Double]]
    let greedy48Ids: [Int32]
  }

  private static let folder = Folders.project.appendingPathComponent("Tests/Fixtures/gemma")
  private let model: LanguageModel
  private let expected: Expected

  init() throws {
    model = try LanguageModel(contentsOf: #require(GemmaFile.url))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    expected = try decoder.decode(
      Expected.self, from: Data(contentsOf: Self.folder.appendingPathComponent("expected.json")))
  }

  @Test("The ids of a text and of a prompt are those of transformers")
  func ids() throws {
    let text = try String(contentsOf: Self.folder.appendingPathComponent("shakespeare.txt"), encoding: .utf8)
    #expect(Array(model.tokenizer.encode(text).prefix(32)) == expected.first32Ids)
    #expect(model.tokenizer.encode(prompts: [expected.prompt]) == [expected.promptIds])
  }

  @Test("The last logits of a prompt are those of transformers")
  func logits() {
    let hidden = model.decoder.hiddenStates(expected.promptIds, batchSize: 1)
    let last = model.decoder.logits(hidden.gatheringRows([Int32(expected.promptIds.count - 1)]))
    let largest = expected.lastLogitsTop10[0][1]
    last.withSpan { logits in
      let order = logits.indices.sorted { logits[$0] > logits[$1] }.prefix(10)
      #expect(Set(order) == Set(expected.lastLogitsTop10.map { Int($0[0]) }))
      for entry in expected.lastLogitsTop10 {
        #expect(abs(Double(logits[Int(entry[0])]) - entry[1]) < 2e-3 * largest, "token \(entry[0])")
      }
    }
  }

  @Test("A text's perplexity is that of transformers")
  func perplexity() throws {
    let corpus = try Corpus(paths: [Self.folder.appendingPathComponent("shakespeare.txt").path])
    let measured = try Perplexity(of: model, on: corpus, window: 512)
    #expect(measured.tokens == expected.tokens)
    #expect(abs(measured.natsPerToken - expected.natsPerToken) < 2e-4, "\(measured.natsPerToken)")
  }

  /// A head of float32 alone would take 640 MiB.
  @Test("A step of adapters leaves the weights as they are, and takes little beside them")
  func adapters() throws {
    let device = try Device.standard()
    let adapted = try LanguageModel(adapting: openModel(at: #require(GemmaFile.url)), rank: 4, device: device)
    let (decoder, ids) = (try adapted.trainableDecoder, expected.promptIds)
    let batch = TokenBatch(ids: ids, targets: ids.dropFirst() + [-1], batchSize: 1)
    let sums = CrossEntropyObjective().accumulateGradients(of: decoder, on: batch, at: .only, scale: 1)
    let before = CrossEntropyObjective().measure(model.decoder, on: batch, at: .only)
    #expect(abs(sums.loss / before.loss - 1) < 1e-6 && sums.tokens == ids.count - 1)
    #expect(decoder.trained.gradientSquareSum() > 0 && decoder.trained.gradientSquareSum().isFinite)
    #expect(device.peakBytes < 256 << 20, "\(device.peakBytes >> 20) MiB")
    let kept = zip(adapted.decoder.weights, model.decoder.weights).allSatisfy { own, other in
      own.parameter.matrix.byteCount == other.parameter.matrix.byteCount
    }
    #expect(kept)
  }

  @Test("48 tokens, the most likely at each place, are those of transformers")
  func greedy() throws {
    let made = try Generator(model).generate(after: [expected.prompt], sampling: .greedy, maxTokens: 48)[0]
    #expect(expected.promptIds + made.tokenIDs == expected.greedy48Ids)
  }
}
