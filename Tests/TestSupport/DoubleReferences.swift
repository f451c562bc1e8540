import Foundation
public import TensorCore

/// The operations of TensorCore again, plainly and in Double: what the fast ones are checked against.
///
/// All arrays are row-major with the shapes of the operation they mirror.
public enum DoubleReference {
  /// x [N, I], weight [O, I], bias [O] → [N, O]
  public static func linear(_ x: [Double], _ weight: [Double], _ bias: [Double]?, inputs: Int, outputs: Int) -> [Double]
  {
    var out: [Double] = []
    for row in 0..<x.count / inputs {
      for o in 0..<outputs {
        var sum = bias?[o] ?? 0
        for i in 0..<inputs { sum += x[row * inputs + i] * weight[o * inputs + i] }
        out.append(sum)
      }
    }
    return out
  }

  /// x [N, G·C], weight [C] → [N, G·C], each part of C by itself
  public static func rmsNorm(_ x: [Double], _ weight: [Double], epsilon: Double, offset: Double = 0) -> [Double] {
    let channels = weight.count
    return x.indices.map { index in
      let start = index / channels * channels
      let squares = x[start..<start + channels].reduce(0) { $0 + $1 * $1 }
      return x[index] / (squares / Double(channels) + epsilon).squareRoot() * (offset + weight[index - start])
    }
  }

  /// gate, up [N, F] → [N, F]
  public static func gated(_ gate: [Double], _ up: [Double], by activation: GateActivation) -> [Double] {
    zip(gate, up).map { gate, up in
      switch activation {
      case .silu: gate / (1 + exp(-gate)) * up
      case .geluTanh: gate / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (gate + 0.044715 * pow(gate, 3)))) * up
      }
    }
  }

  /// x [N, H·D], positions [N] → [N, H·D]: the first 2·frequencies channels of each head are turned.
  public static func rotated(
    _ x: [Double], headSize: Int, columns: Int, frequencies: [Double], amplitude: Double = 1, positions: [Int32]
  ) -> [Double] {
    let half = frequencies.count
    return x.indices.map { index in
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      let place = column % headSize
      guard place < 2 * half else { return x[index] }
      let angle = Double(positions[row]) * frequencies[place % half]
      return amplitude
        * (place < half
          ? x[index] * cos(angle) - x[index + half] * sin(angle)
          : x[index] * cos(angle) + x[index - half] * sin(angle))
    }
  }

  /// θ^(−2i/R) of R channels [R/2].
  public static func frequencies(theta: Double, of channels: Int) -> [Double] {
    (0..<channels / 2).map { pow(theta, -2 * Double($0) / Double(channels)) }
  }

  /// query [B·T, H·D], key, value [B·T, K·D] → [B·T, H·D]
  public static func causalAttention(
    _ query: [Double], _ key: [Double], _ value: [Double], batchSize: Int, length: Int, heads: Int,
    keyValueHeads: Int, rule: AttentionRule
  ) -> [Double] {
    let headSize = rule.headSize
    let (width, keyWidth) = (heads * headSize, keyValueHeads * headSize)
    var out = [Double](repeating: 0, count: query.count)
    for sequence in 0..<batchSize {
      for head in 0..<heads {
        let shared = head / (heads / keyValueHeads) * headSize
        for t in 0..<length {
          let q = (sequence * length + t) * width + head * headSize
          let seen = max(0, t + 1 - (rule.window ?? .max))...t
          let scores = seen.map { s in
            let k = (sequence * length + s) * keyWidth + shared
            let score = Double(rule.scale) * (0..<headSize).reduce(0) { $0 + query[q + $1] * key[k + $1] }
            guard let cap = rule.cap.map(Double.init) else { return score }
            return cap * tanh(score / cap)
          }
          for (s, weight) in zip(seen, softmax(scores)) {
            let v = (sequence * length + s) * keyWidth + shared
            for d in 0..<headSize { out[q + d] += weight * value[v + d] }
          }
        }
      }
    }
    return out
  }

  /// exp x / Σ exp x
  public static func softmax(_ x: [Double]) -> [Double] {
    let maximum = x.max() ?? 0
    let powers = x.map { exp($0 - maximum) }
    let total = powers.reduce(0, +)
    return powers.map { $0 / total }
  }

  /// log softmax(x / temperature); −∞ stays −∞.
  public static func logSoftmax(_ x: [Double], temperature: Double = 1) -> [Double] {
    let maximum = x.max() ?? 0
    let shifted = x.map { ($0 - maximum) / temperature }
    let total = log(shifted.reduce(0) { $0 + exp($1) })
    return shifted.map { $0 - total }
  }
}

/// The central difference quotient of `function` by each element of `x`.
public func finiteDifferences(_ x: [Double], step: Double = 1e-5, _ function: ([Double]) -> Double) -> [Double] {
  x.indices.map { index in
    var moved = x
    moved[index] = x[index] + step
    let above = function(moved)
    moved[index] = x[index] - step
    return (above - function(moved)) / (2 * step)
  }
}

/// The largest |a − b| relative to the largest |b|: how far a whole tensor is off.
public func relativeError(_ a: [Float], _ b: [Double]) -> Double {
  precondition(a.count == b.count, "\(a.count) elements against \(b.count)")
  let scale = b.reduce(0) { max($0, abs($1)) }
  let error = zip(a, b).reduce(0) { $1.0.isNaN ? .infinity : max($0, abs(Double($1.0) - $1.1)) }
  return scale == 0 ? error : error / scale
}
