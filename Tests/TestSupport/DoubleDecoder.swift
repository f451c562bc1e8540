import Foundation
public import LanguageModels
import TensorCore

/// A whole decoder in Double, plainly, with all that a configuration can ask for: what fast ones are checked against.
public struct DoubleDecoder {
  /// Sizes and constants.
  public let configuration: DecoderConfiguration
  /// Every weight by what it is.
  public var weights: [WeightRole: [Double]]

  /// The decoder with the weights of another.
  public init(_ decoder: any DecoderModel) {
    configuration = decoder.configuration
    weights = Dictionary(
      uniqueKeysWithValues: decoder.weights.map { weight in
        (weight.role, weight.parameter.matrix.dense(on: decoder.device).array().map(Double.init))
      })
  }

  /// Logits [N, V] of sequences of the given lengths, one after another. `finalLengths` are those that they are
  /// expected to have; by default they are whole.
  public func logits(_ ids: [Int32], lengths: [Int], finalLengths: [Int]? = nil) -> [Double] {
    let head = weights[.head] ?? weights[.embedding] ?? []
    let hidden = hiddenStates(ids, lengths: lengths, finalLengths: finalLengths ?? lengths)
    let logits = DoubleReference.linear(
      hidden, head, nil, inputs: configuration.hiddenSize, outputs: configuration.vocabularySize)
    return logits.map { z in configuration.logitCap.map { Double($0) * tanh(z / Double($0)) } ?? z }
  }

  /// The final states [N, C], scaled on their way to logits.
  public func hiddenStates(_ ids: [Int32], lengths: [Int], finalLengths: [Int]) -> [Double] {
    let (channels, table) = (configuration.hiddenSize, weights[.embedding] ?? [])
    let scale = Double(configuration.embeddingScale.value(hiddenSize: channels))
    var x = ids.flatMap { id in table[Int(id) * channels..<(Int(id) + 1) * channels].map { scale * $0 } }
    for layer in 0..<configuration.layerCount {
      x = add(x, attention(x, layer, lengths, finalLengths), .layer(layer, .attentionPostNorm))
      x = add(x, feedForward(x, layer), .layer(layer, .feedForwardPostNorm))
    }
    return norm(x, .finalNorm).map { Double(configuration.logitScale) * $0 }
  }

  private func norm(_ x: [Double], _ role: WeightRole) -> [Double] {
    guard let weight = weights[role] else { return x }
    return DoubleReference.rmsNorm(
      x, weight, epsilon: Double(configuration.normEpsilon), offset: Double(configuration.normOffset))
  }

  private func add(_ x: [Double], _ branch: [Double], _ postNorm: WeightRole) -> [Double] {
    zip(x, norm(branch, postNorm)).map { $0 + Double(configuration.residualScale) * $1 }
  }

  private func linear(_ x: [Double], _ layer: Int, _ matrix: LayerMatrix, inputs: Int) -> [Double] {
    let weight = weights[.layer(layer, .matrix(matrix))] ?? []
    return DoubleReference.linear(
      x, weight, weights[.layer(layer, .bias(matrix))], inputs: inputs, outputs: weight.count / inputs)
  }

  private func feedForward(_ x: [Double], _ layer: Int) -> [Double] {
    let input = norm(x, .layer(layer, .feedForwardNorm))
    let neurons = DoubleReference.gated(
      linear(input, layer, .gate, inputs: configuration.hiddenSize),
      linear(input, layer, .up, inputs: configuration.hiddenSize), by: configuration.activation)
    return linear(neurons, layer, .down, inputs: configuration.feedForwardSize)
  }

  private func attention(_ x: [Double], _ layer: Int, _ lengths: [Int], _ finalLengths: [Int]) -> [Double] {
    let input = norm(x, .layer(layer, .attentionNorm))
    func projected(_ matrix: LayerMatrix) -> [Double] {
      linear(input, layer, matrix, inputs: configuration.hiddenSize)
    }
    let queries = norm(projected(.query), .layer(layer, .queryNorm))
    let keys = norm(projected(.key), .layer(layer, .keyNorm))
    let values = projected(.value)
    let (width, keyWidth) = (
      configuration.headCount * configuration.headSize, configuration.keyValueHeadCount * configuration.headSize
    )
    var (start, mixed) = (0, [Double]())
    for (length, finalLength) in zip(lengths, finalLengths) {
      let rows = start..<start + length
      mixed += attend(
        rotated(queries[rows.lowerBound * width..<rows.upperBound * width], layer, columns: width, finalLength),
        rotated(keys[rows.lowerBound * keyWidth..<rows.upperBound * keyWidth], layer, columns: keyWidth, finalLength),
        Array(values[rows.lowerBound * keyWidth..<rows.upperBound * keyWidth]), layer, length: length)
      start += length
    }
    return linear(mixed, layer, .output, inputs: width)
  }

  private func rotated(_ x: ArraySlice<Double>, _ layer: Int, columns: Int, _ finalLength: Int) -> [Double] {
    guard let rotary = configuration.attention[layer].rotary else { return Array(x) }
    let channels = Int(Double(configuration.headSize) * rotary.rotatedShare)
    var (frequencies, amplitude) = (DoubleReference.frequencies(theta: rotary.base, of: channels), 1.0)
    switch rotary.scaling {
    case .none, .beyondTheContext: break
    case .linear(let factor): frequencies = frequencies.map { $0 / factor }
    case .llama3: preconditionFailure("another test has it")
    case .longRope(let short, let long, let original, let factor):
      frequencies = zip(frequencies, finalLength > original ? long : short).map { $0 / $1 }
      amplitude = factor
    }
    return DoubleReference.rotated(
      Array(x), headSize: configuration.headSize, columns: columns, frequencies: frequencies, amplitude: amplitude,
      positions: (0..<x.count / columns).map { Int32($0) })
  }

  /// One sequence.
  private func attend(
    _ query: [Double], _ key: [Double], _ value: [Double], _ layer: Int, length: Int
  ) -> [Double] {
    let (heads, shared, size) = (configuration.headCount, configuration.keyValueHeadCount, configuration.headSize)
    let scale = configuration.attentionScale.map(Double.init) ?? 1 / Double(size).squareRoot()
    var out = [Double](repeating: 0, count: query.count)
    for head in 0..<heads {
      let place = head / (heads / shared) * size
      for t in 0..<length {
        let first = max(0, t + 1 - (configuration.attention[layer].window ?? length))
        let weights = DoubleReference.softmax(
          (first...t).map { s in
            let score = (0..<size).reduce(0) {
              $0 + scale * query[(t * heads + head) * size + $1] * key[s * shared * size + place + $1]
            }
            return configuration.attentionCap.map { Double($0) * tanh(score / Double($0)) } ?? score
          })
        for (s, weight) in zip(first...t, weights) {
          for d in 0..<size { out[(t * heads + head) * size + d] += weight * value[s * shared * size + place + d] }
        }
      }
    }
    return out
  }
}
