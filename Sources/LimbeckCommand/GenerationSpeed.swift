import LanguageModels
import TensorCore

/// How fast models of some sizes generate on this machine: a sum of a time for each layer and one for each weight that
/// a token reads, fitted to a whole model and to one layer of it.
struct GenerationSpeed {
  private var secondsPerLayer, secondsPerWeight: Double

  /// Tokens before the clock is started, and those of a measurement.
  private static let (warmUp, measured) = (4, 24)
  /// How often it is taken: three times and, where that is soon done, more. The best counts, for whatever else the
  /// machine does only slows it down.
  private static let (leastRepetitions, mostRepetitions, enough) = (3, 40, Duration.milliseconds(500))

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

  /// Seconds for a token that is generated.
  static func seconds(of decoder: any DecoderModel) -> Double {
    let decoder = decoder.frozen(isConstant: true)
    let clock = ContinuousClock()
    let count = min(measured, max(1, decoder.configuration.contextLength - warmUp))
    func measure() -> Duration {
      let cache = decoder.makeCache(expectedLength: warmUp + count)
      func generate(_ tokens: Int) {
        for token in 0..<tokens {
          let id = Int32(token % decoder.configuration.vocabularySize)
          _ = decoder.logits(decoder.hiddenStates([id], counts: [1], caches: [cache]))
        }
      }
      generate(min(warmUp, max(0, decoder.configuration.contextLength - count)))
      let start = clock.now
      generate(count)
      return clock.now - start
    }
    var (best, spent) = (Duration.seconds(1_000_000), Duration.zero)
    for repetition in 0..<mostRepetitions where repetition < leastRepetitions || spent < enough {
      let time = measure()
      best = min(best, time)
      spent += time
    }
    return best / .seconds(1) / Double(count)
  }

  /// The weights that a token reads: of an embedding that is no head, only a row.
  private static func weightsRead(_ configuration: DecoderConfiguration) -> Double {
    let embedding = configuration.tiesEmbeddings ? 0 : configuration.vocabularySize * configuration.hiddenSize
    return Double((configuration.weightCount ?? .max) - embedding)
  }
}
