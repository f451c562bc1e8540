import LanguageModels
import TensorCore

/// How fast models of some sizes generate on this machine: a sum of a time for each layer and one for each weight that
/// a token reads, fitted to a whole model and to one layer of it.
struct GenerationSpeed: Sendable {
  private var secondsPerLayer, secondsPerWeight: Double

  /// Tokens before the clock is started, and those after it, of each text.
  private static let (warmUp, measured) = (4, 24)
  /// How many texts are measured: three and, where that is soon done, more.
  private static let (leastTexts, mostTexts, enough) = (3, 40, Duration.milliseconds(500))

  /// Measures models of these sizes with random weights in float32.
  init(of configuration: DecoderConfiguration, on device: Device) {
    var single = configuration
    single.attention = Array(configuration.attention.prefix(1))
    let whole = Self.seconds(of: Self.random(configuration, on: device))
    guard configuration.layerCount > 1 else {
      (secondsPerLayer, secondsPerWeight) = (0, whole / Self.weightsRead(configuration))
      return
    }
    let one = Self.seconds(of: Self.random(single, on: device))
    let (layers, weights) = (Double(configuration.layerCount), Self.weightsRead(configuration))
    let perWeight = (layers * one - whole) / (layers * Self.weightsRead(single) - weights)
    // noise may make either negative
    secondsPerWeight = min(max(0, perWeight), whole / weights)
    secondsPerLayer = (whole - secondsPerWeight * weights) / layers
  }

  /// Seconds for a token of a model of these sizes.
  func seconds(_ configuration: DecoderConfiguration) -> Double {
    Double(configuration.layerCount) * secondsPerLayer + Self.weightsRead(configuration) * secondsPerWeight
  }

  /// Makes all times longer or shorter, so that this one is right.
  mutating func adjust(_ configuration: DecoderConfiguration, to seconds: Double) {
    let factor = seconds / self.seconds(configuration)
    secondsPerLayer *= factor
    secondsPerWeight *= factor
  }

  /// A model of these sizes with random weights.
  static func random(_ configuration: DecoderConfiguration, on device: Device) -> TransformerDecoder {
    TransformerDecoder(configuration: configuration, seed: 0, device: device)
  }

  /// Seconds for a token that is generated: of many, the time that an eighth of them kept to, for whatever else the
  /// machine does only slows it down.
  static func seconds(of decoder: any DecoderModel) -> Double {
    let decoder = decoder.frozen(isConstant: true)
    let clock = ContinuousClock()
    let length = min(warmUp + measured, decoder.configuration.contextLength)
    var (times, spent) = ([Duration](), Duration.zero)
    for text in 0..<mostTexts where text < leastTexts || spent < enough {
      let cache = decoder.makeCache(expectedLength: length)
      for token in 0..<length {
        let id = Int32(token % decoder.configuration.vocabularySize)
        let time = clock.measure {
          _ = decoder.logits(decoder.hiddenStates([id], counts: [1], caches: [cache]))
        }
        if token >= min(warmUp, length - 1) { times.append(time) }
        spent += time
      }
    }
    return times.sorted()[times.count / 8] / .seconds(1)
  }

  /// The weights that a token reads: of an embedding that is no head, only a row.
  private static func weightsRead(_ configuration: DecoderConfiguration) -> Double {
    let embedding = configuration.tiesEmbeddings ? 0 : configuration.vocabularySize * configuration.hiddenSize
    return Double((configuration.weightCount ?? .max) - embedding)
  }
}
