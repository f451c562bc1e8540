import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import ModelEvaluation

@Suite("What BOS in front is worth to a model")
struct BeginningGainTests {
  private static let sequences: [[Int32]] = [[5, 5, 5, 5, 5, 5], [5, 5, 5]]

  @Test("A model that predicts by BOS alone gains by it")
  func needed() {
    let decoder = TransformerDecoder.needing(beginning: 1, toPredict: 5, vocabularySize: 16)
    let gain = BeginningGain(of: decoder, on: Self.sequences, beginningID: 1)
    #expect(abs(gain.natsWithout - log(16)) < 1e-5)
    #expect(gain.natsWith < 0.1 && gain.isLarge)
    let other = BeginningGain(of: decoder, on: Self.sequences, beginningID: 2)
    #expect(!other.isLarge && abs(other.natsWith - log(16)) < 1e-5)
  }

  @Test("The nats are those of all the logits, and of the same tokens")
  func nats() {
    let decoder = TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: 16, hiddenSize: 8, feedForwardSize: 16, layerCount: 2, headCount: 2, keyValueHeadCount: 1,
        contextLength: 6, tiesEmbeddings: true, initializerRange: 0.5), seed: 3, device: Device(threads: 1))
    // one token more than the context has room for, and one that nothing can be learnt of
    let sequences: [[Int32]] = [[3, 9, 4, 7, 7, 2], [8, 1, 6], [4]]
    let gain = BeginningGain(of: decoder, on: sequences, beginningID: 0)
    let read: [[Int32]] = [[3, 9, 4, 7, 7], [8, 1, 6]]
    func mean(behind front: [Int32]) -> Double {
      let frozen = decoder.frozen()
      var (sum, count) = (0.0, 0)
      for ids in read {
        let logits = frozen.logits(frozen.hiddenStates(front + ids, batchSize: 1)).array()
        for position in 1..<ids.count {
          let row = (0..<16).map { Double(logits[(front.count + position - 1) * 16 + $0]) }
          sum += log(row.reduce(0) { $0 + exp($1) }) - row[Int(ids[position])]
          count += 1
        }
      }
      return sum / Double(count)
    }
    #expect(abs(gain.natsWithout - mean(behind: [])) < 1e-5)
    #expect(abs(gain.natsWith - mean(behind: [0])) < 1e-5)
  }
}
