import LanguageModels
import TensorCore

extension Inspect {
  /// In what a model's arithmetic differs from Llama's; nil, or left out, where it does not.
  struct ModelArithmetic: Encodable, Equatable {
    /// Layers, by their numbers from 0, whose attention is like.
    struct Layers: Encodable, Equatable {
      var layers: [Int]
      /// The tokens that are seen; nil for all before.
      let window: Int?
      /// The base of the rotary positions; nil where positions are not told apart.
      let ropeTheta: Double?
      /// How the frequencies are scaled, and the share of a head's channels that turns.
      let ropeScaling: String?
      let rotatedShare: Double?
    }

    let activation: String?
    let normOffset: Float?
    let postNorms, queryKeyNorms: Bool?
    let attentionScale, attentionCap, logitCap, embeddingScale, residualScale, logitScale: Float?
    let attention: [Layers]?

    init?(_ configuration: DecoderConfiguration) {
      func unlessOne(_ scale: Float) -> Float? { scale == 1 ? nil : scale }
      activation = configuration.activation == .silu ? nil : configuration.activation.rawValue
      normOffset = configuration.normOffset == 0 ? nil : configuration.normOffset
      postNorms = configuration.hasPostNorms ? true : nil
      queryKeyNorms = configuration.normalizesQueriesAndKeys ? true : nil
      attentionScale = configuration.attentionScale
      attentionCap = configuration.attentionCap
      logitCap = configuration.logitCap
      embeddingScale = unlessOne(configuration.embeddingScale.value(hiddenSize: configuration.hiddenSize))
      residualScale = unlessOne(configuration.residualScale)
      logitScale = unlessOne(configuration.logitScale)
      attention = Self.kinds(of: configuration.attention)
      let differs: [Any?] = [
        activation, normOffset, postNorms, queryKeyNorms, attentionScale, attentionCap, logitCap, embeddingScale,
        residualScale, logitScale, attention,
      ]
      if differs.allSatisfy({ $0 == nil }) { return nil }
    }

    /// The layers of each kind of attention, in order of the first; nil where all are of one that sees everything and
    /// turns whole heads by frequencies as they are.
    private static func kinds(of attention: [LayerAttention]) -> [Layers]? {
      var kinds: [LayerAttention] = []
      var found: [Layers] = []
      for (layer, kind) in attention.enumerated() {
        if let index = kinds.firstIndex(of: kind) {
          found[index].layers.append(layer)
          continue
        }
        kinds.append(kind)
        found.append(
          Layers(
            layers: [layer], window: kind.window, ropeTheta: kind.rotary?.base,
            ropeScaling: kind.rotary.flatMap { $0.scaling == .none ? nil : $0.scaling.description },
            rotatedShare: kind.rotary.flatMap { $0.rotatedShare == 1 ? nil : $0.rotatedShare }))
      }
      guard kinds.count == 1, let only = kinds.first, only == LayerAttention(rotary: only.rotary?.plain) else {
        return found
      }
      return nil
    }

    func add(to facts: inout FactList) {
      for (name, value) in [("attention's scale", attentionScale), ("attention's soft cap", attentionCap)] {
        if let value { facts.add(name, "\(value)") }
      }
      for kind in attention ?? [] { facts.add("attention of \(Self.names(kind.layers))", kind.text) }
      if let activation { facts.add("activation", activation == "geluTanh" ? "GELU by tanh" : activation) }
      let norms =
        (normOffset.map { ["gains are \($0) + weight"] } ?? []) + (queryKeyNorms == nil ? [] : ["of queries and keys"])
        + (postNorms == nil ? [] : ["after attention and feed-forward"])
      if !norms.isEmpty { facts.add("norms", norms.joined(separator: ", ")) }
      let scales = [
        ("embeddings × ", embeddingScale), ("residual branches × ", residualScale), ("logits × ", logitScale),
        ("logits capped at ", logitCap),
      ].compactMap { name, value in value.map { "\(name)\($0)" } }
      if !scales.isEmpty { facts.add("scales", scales.joined(separator: ", ")) }
    }

    /// `layers 0-2, 4`
    static func names(_ layers: [Int]) -> String {
      var ranges: [ClosedRange<Int>] = []
      for layer in layers {
        if let last = ranges.last, last.upperBound == layer - 1 {
          ranges[ranges.count - 1] = last.lowerBound...layer
        } else {
          ranges.append(layer...layer)
        }
      }
      let names = ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      return (layers.count == 1 ? "layer " : "layers ") + names.joined(separator: ", ")
    }
  }
}

extension Inspect.ModelArithmetic.Layers {
  fileprivate var text: String {
    let seen = window.map { "a window of \(Format.count($0)) tokens" } ?? "all tokens before"
    guard let ropeTheta else { return "\(seen), no positions" }
    return "\(seen), rotary base \(ropeTheta)" + (ropeScaling.map { ", \($0)" } ?? "")
      + (rotatedShare.map { ", \($0) of a head turned" } ?? "")
  }
}

extension RotaryPositions {
  /// The same base alone.
  fileprivate var plain: RotaryPositions { RotaryPositions(base: base) }
}
