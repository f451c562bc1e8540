import LanguageModels
import ModelTraining
import TensorCore

/// A norm of states of the residual stream, or of what is added to it.
enum NormSite: Hashable {
  case layer(Int, LayerWeight)
  case final

  /// Whether the stream itself is normalised.
  var isOfStream: Bool {
    switch self {
    case .final, .layer(_, .attentionNorm), .layer(_, .feedForwardNorm): true
    case .layer: false
    }
  }
}

/// The gains [C] of a decoder's norms, their offset added.
struct NormGains {
  private let gains: [NormSite: [Float]]
  private let configuration: DecoderConfiguration

  init(of decoder: any DecoderModel) {
    let configuration = decoder.configuration
    self.configuration = configuration
    gains = Dictionary(
      uniqueKeysWithValues: decoder.weights.compactMap { weight in
        guard let site = NormSite(weight.role) else { return nil }
        return (site, weight.parameter.value.array().map { $0 + configuration.normOffset })
      })
  }

  subscript(site: NormSite) -> [Float] {
    guard let values = gains[site] else { preconditionFailure("the decoder has no \(site)") }
    return values
  }

  /// What each norm is given [N, C].
  func observe(_ decoder: FrozenDecoder, _ batch: TokenBatch, _ observe: (NormSite, Tensor) -> Void) {
    let last = configuration.layerCount - 1
    _ = decoder.hiddenStates(batch.ids, lengths: batch.segments) { place, states in
      switch place {
      case .embedding: observe(.layer(0, .attentionNorm), states)
      case .layerOutput(last): observe(.final, states)
      case .layerOutput(let layer): observe(.layer(layer + 1, .attentionNorm), states)
      case .attended(let layer): observe(.layer(layer, .feedForwardNorm), states)
      case .attentionOutput(let layer) where configuration.hasPostNorms:
        observe(.layer(layer, .attentionPostNorm), states)
      case .feedForwardOutput(let layer) where configuration.hasPostNorms:
        observe(.layer(layer, .feedForwardPostNorm), states)
      case .attentionOutput, .feedForwardOutput, .queries, .keys, .values, .attentionInput, .headOutputs,
        .feedForwardInput, .neurons:
        break
      }
    }
  }
}

extension NormSite {
  /// The norm with this gain, if it is one of states [C].
  init?(_ role: WeightRole) {
    switch role {
    case .finalNorm: self = .final
    case .layer(_, .queryNorm), .layer(_, .keyNorm), .layer(_, .matrix), .layer(_, .bias), .embedding, .head: return nil
    case .layer(let layer, let norm): self = .layer(layer, norm)
    }
  }

  /// The norm whose output a matrix reads; nil for matrices that read none.
  init?(readBy role: WeightRole) {
    switch role {
    case .head: self = .final
    case .layer(let layer, .matrix(.query)), .layer(let layer, .matrix(.key)), .layer(let layer, .matrix(.value)):
      self = .layer(layer, .attentionNorm)
    case .layer(let layer, .matrix(.gate)), .layer(let layer, .matrix(.up)): self = .layer(layer, .feedForwardNorm)
    case .embedding, .finalNorm, .layer: return nil
    }
  }

  /// The norm that normalises what a matrix, or its bias, gives, where the decoder has such norms.
  init?(after role: WeightRole) {
    switch role {
    case .layer(let layer, .matrix(.output)), .layer(let layer, .bias(.output)):
      self = .layer(layer, .attentionPostNorm)
    case .layer(let layer, .matrix(.down)), .layer(let layer, .bias(.down)):
      self = .layer(layer, .feedForwardPostNorm)
    case .embedding, .finalNorm, .head, .layer: return nil
    }
  }
}
