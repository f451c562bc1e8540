import Diagnostics
public import LanguageModels
public import ModelTraining
public import TensorCore

/// What a decoder's residual stream becomes with fewer channels: its projection onto the directions in which it varies
/// most on a text, as in SliceGPT (Ashkboos et al. 2024, arXiv 2401.15024), the same for all layers.
///
/// The stream x [Ct] becomes P·x [Cs], and is read as x ≈ R·(P·x). With U the principal axes of s ⊙ x/rms(x) at all
/// norms, P = U·diag(s) and R = diag(1/s)·Uᵀ. s is 1, but where the embedding is the head, too: there it is √g, g the
/// gains of the final norm divided by their mean. So both stay one matrix: what the head reads through, diag(g)·R, is
/// Pᵀ.
public struct StreamProjection {
  let axes: StreamAxes
  /// The mean gain of the final norm, which s leaves over.
  let headGain: Float
  /// Of each norm: what its gains are multiplied by, so that what it gives stays as large as before.
  let scales: [NormSite: Float]
  /// The share of the variance along the axes that stay.
  public let keptVariance: Double

  /// Tokens per forward pass.
  private static let tokensTogether = 2048
  /// No channel is stretched by less than the root of this.
  private static let leastStretch: Float = 1e-3

  /// Measures a decoder on a text, twice: its axes, then how large is what is left of each state.
  /// - Parameters:
  ///   - decoder: what is to be narrowed; nothing is recorded for gradients.
  ///   - channels: how many stay, from 1 to the decoder's.
  ///   - text: what it reads; its sequences must fit into the decoder's context, its ids into the vocabulary.
  ///   - tokens: about how many tokens to measure, in sequences that are evenly spread over the text; all by default.
  ///   - progress: called after each part with the tokens read so far and their number at the end.
  /// - Throws: `missingOpenBLAS`, also where OpenBLAS has no LAPACK; `value` where the decoder's states are not finite,
  ///   or its embedding is its head and the final norm has gains below 0.
  public init(
    of decoder: any DecoderModel, to channels: Int, on text: PackedSequences, tokens: Int = .max,
    progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(MatrixBackendError) {
    let (size, epsilon) = (decoder.configuration.hiddenSize, decoder.configuration.normEpsilon)
    precondition((1...size).contains(channels), "\(channels) of \(size) channels")
    let (frozen, device, gains) = (decoder.frozen(isConstant: true), decoder.device, NormGains(of: decoder))
    let count = min(text.count, max(1, tokens / text.sequenceLength))
    let together = max(1, Self.tokensTogether / text.sequenceLength)
    func read(_ pass: Int, _ observe: (NormSite, Tensor) -> Void) {
      for start in stride(from: 0, to: count, by: together) {
        let end = min(count, start + together)
        gains.observe(frozen, text.batch((start..<end).map { $0 * text.count / count }), observe)
        progress((pass * count + end) * text.sequenceLength, 2 * count * text.sequenceLength)
      }
    }
    let (head, isTied) = (gains[.final], decoder.configuration.tiesEmbeddings)
    if isTied, let gain = head.first(where: { !($0 >= 0) }) {
      throw .value(
        InvalidValue(
          "gains of the final norm", expected: "none below 0, where the embedding is the head", found: "\(gain)",
          advice: "choose channels by importance"))
    }
    let headGain = max(head.reduce(0, +) / Float(size), .leastNormalMagnitude)
    let stretch = head.map { isTied ? max($0 / headGain, Self.leastStretch).squareRoot() : 1 }
    let weight = Tensor(stretch, shape: [size], on: device)

    var covariance = [Double](repeating: 0, count: size * size)
    read(0) { site, states in
      guard site.isOfStream else { return }
      let states = states.rmsNorm(weight, epsilon: epsilon)
      states.transposedTimes(states).withSpan { for index in $0.indices { covariance[index] += Double($0[index]) } }
    }
    let principal = try PrincipalAxes(of: covariance, count: channels)
    let whole = (0..<size).reduce(0) { $0 + covariance[$1 * size + $1] }
    let axes = StreamAxes(principal.vectors, stretch: stretch, on: device)

    var sums: [NormSite: Double] = [:]
    read(1) { site, states in
      let writing = site.isOfStream ? axes.writing : axes.writing(through: gains[site])
      for (before, after) in zip(states.rootMeanSquares, states.linear(writing).rootMeanSquares) where before > 0 {
        sums[site, default: 0] += after / before
      }
    }
    let total = Double(count * text.sequenceLength)
    (self.axes, self.headGain, scales) = (axes, headGain, sums.mapValues { Float($0 / total) })
    keptVariance = whole == 0 ? 1 : principal.values.reduce(0, +) / whole
  }
}

extension Tensor {
  /// Of each row.
  fileprivate var rootMeanSquares: [Double] {
    withSpan { values in
      (0..<rows).map { row in
        var squares: Float = 0
        for index in row * columns..<(row + 1) * columns { squares += values[index] * values[index] }
        return Double((squares / Float(columns)).squareRoot())
      }
    }
  }
}
