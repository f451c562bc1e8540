public import LanguageModels
import TensorCore

extension TransformerDecoder {
  /// A decoder that predicts token `predicted` wherever it sees token `beginning` before it, and anything else.
  public static func needing(
    beginning: Int, toPredict predicted: Int, vocabularySize: Int, contextLength: Int = 64
  ) -> TransformerDecoder {
    let size = 8
    let decoder = TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: vocabularySize, hiddenSize: size, feedForwardSize: size, layerCount: 1, headCount: 1,
        keyValueHeadCount: 1, contextLength: contextLength, tiesEmbeddings: false, initializerRange: 0.02),
      seed: 1, device: Device(threads: 1))
    for weight in decoder.weights {
      weight.parameter.value.withMutableSpan { values in
        func set(_ row: Int, _ column: Int, _ value: Float) { values[row * size + column] = value }
        switch weight.role {
        case .layer(_, .matrix), .head, .embedding: for index in values.indices { values[index] = 0 }
        default: break
        }
        switch weight.role {
        case .embedding:
          for id in 0..<vocabularySize { set(id, id == beginning ? 0 : 1, 1) }
        // channel 0, of the beginning alone, goes to all that attend to it, which is all, as channel 2
        case .layer(_, .matrix(.value)): set(0, 0, 1)
        case .layer(_, .matrix(.output)): set(2, 0, 1_000)
        case .head: set(predicted, 2, 4)
        default: break
        }
      }
    }
    return decoder
  }
}
