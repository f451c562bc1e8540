import LanguageModels
import TensorCore
import TextGeneration

/// How fast models of some sizes generate on this machine: a sum of a time for each layer and one for each weight that
/// a token reads, fitted to a whole model and to one layer of it.
///
/// Every command that says how fast a model generates measures it here: greedily, as `limbeck generate` does.
struct GenerationSpeed: Sendable {
  private var secondsPerLayer, secondsPerWeight: Double

  /// The tokens of a text that are measured where the user does not say how many, as far as the context goes.
  static let usualTokens = 128
  /// Texts are generated until so much time has gone, at least one and at most so many.
  private static let (mostTexts, enough) = (40, Duration.milliseconds(500))

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

  /// Seconds for a token that is generated behind a first one: the median, for whatever else the machine does in
  /// between is no part of it. On a machine with nothing else to do that is what `limbeck generate` takes.
  /// - Parameters:
  ///   - decoder: the model.
  ///   - tokens: of each text; no more than the context holds.
  /// - Returns: seconds; infinity where the decoder cannot generate.
  static func seconds(of decoder: any DecoderModel, tokens: Int = usualTokens) -> Double {
    let session = PlainDecodingSession(decoder.frozen(isConstant: true), batchSize: 1, isRepeatable: false)
    let clock = ContinuousClock()
    var (times, spent, texts) = ([Duration](), Duration.zero, 0)
    while texts == 0 || texts < mostTexts && spent < enough {
      let request = DecodingRequest(
        ids: [0], sampler: TokenSampler(isGreedy: true), generator: SeededGenerator(seed: 0),
        maximumTokens: max(2, tokens))
      // any id of the vocabulary will do
      guard (try? session.submit(request, caches: nil)) != nil else { break }
      var ofText: [Duration] = []
      while session.sequenceCount > 0 { ofText.append(clock.measure { _ = session.step() }) }
      // the first step touches the weights, and has the first token with it
      times += ofText.count > 1 ? ofText.dropFirst() : ofText[...]
      spent += ofText.reduce(.zero, +)
      texts += 1
    }
    return times.isEmpty ? .infinity : times.sorted()[times.count / 2] / .seconds(1)
  }

  /// The weights that a token reads: of an embedding that is no head, only a row.
  private static func weightsRead(_ configuration: DecoderConfiguration) -> Double {
    let embedding = configuration.tiesEmbeddings ? 0 : configuration.vocabularySize * configuration.hiddenSize
    return Double((configuration.weightCount ?? .max) - embedding)
  }
}
