public import LanguageModels
import ModelFiles
import TensorCore

/// A random decoder whose predictions are far from uniform.
public func smallDecoder(
  vocabularySize: Int = 50, contextLength: Int = 32, bosTokenID: Int? = 1, deviation: Float = 0.3, seed: UInt64
) -> TransformerDecoder {
  TransformerDecoder(
    configuration: DecoderConfiguration(
      vocabularySize: vocabularySize, hiddenSize: 16, feedForwardSize: 24, layerCount: 2, headCount: 4,
      keyValueHeadCount: 2, contextLength: contextLength, initializerRange: deviation, bosTokenID: bosTokenID),
    seed: seed)
}

/// A decoder near `decoder`: its weights moved by random amounts.
public func neighbour(of decoder: TransformerDecoder, by deviation: Float, seed: UInt64) -> TransformerDecoder {
  let copy = TransformerDecoder(configuration: decoder.configuration, seed: seed)
  var generator = SeededGenerator(seed: seed)
  for (to, from) in zip(copy.parameters.parameters, decoder.parameters.parameters) {
    let values = from.value.array()
    to.value.withMutableSpan { span in
      for index in 0..<span.count { span[index] = values[index] + deviation * Float(generator.nextNormal()) }
    }
  }
  return copy
}

/// Random tokens.
public func randomIDs(_ count: Int, below vocabularySize: Int = 50, seed: UInt64) -> [Int32] {
  var generator = SeededGenerator(seed: seed)
  return (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabularySize), using: &generator) }
}

/// The log-probabilities [n][V] of each token of documents, in Double, one window at a time as windows are defined.
public func referenceLogProbabilities(
  _ decoder: any DecoderModel, _ documents: [[Int32]], bos: Int32, window: Int, stride: Int
) -> [[Double]] {
  let decoder = decoder.frozen()
  let vocabulary = decoder.configuration.vocabularySize
  var result: [[Double]] = []
  for ids in documents {
    var scored = 0
    var start = 0
    while scored < ids.count {
      let tokens = Array(ids[start..<min(start + window, ids.count)])
      let logits = decoder.logits(decoder.hiddenStates([bos] + tokens.dropLast(), batchSize: 1)).array()
      for index in scored - start..<tokens.count {
        let row = logits[index * vocabulary..<(index + 1) * vocabulary].map(Double.init)
        result.append(DoubleReference.logSoftmax(row))
      }
      scored = start + tokens.count
      start += stride
    }
  }
  return result
}
