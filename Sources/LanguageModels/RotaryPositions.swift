import Foundation

/// How rotary embeddings (Su et al. 2021) tell positions apart.
public struct RotaryPositions: Equatable, Sendable {
  /// θ, the base of the wavelengths; above 0.
  public var base: Double
  /// How the frequencies are lowered for longer contexts.
  public var scaling: RotaryScaling
  /// The share of a head's channels that are turned, from the first on: Phi-4-mini turns 3/4 of them.
  public var rotatedShare: Double

  /// By default those of Llama 2.
  public init(base: Double = 10_000, scaling: RotaryScaling = .none, rotatedShare: Double = 1) {
    self.base = base
    self.scaling = scaling
    self.rotatedShare = rotatedShare
  }

  /// The channels of a head of `headSize` D that are turned, R: rounded down, as `int(head_dim *
  /// partial_rotary_factor)` in modeling_rope_utils.py (transformers 5.24).
  public func rotatedSize(headSize: Int) -> Int { Int(Double(headSize) * min(1, max(0, rotatedShare))) }

  /// The angle in radians by which each pair of a head of `headSize` D turns from one position to the next: θ^(−2i/R),
  /// scaled [R/2].
  /// - Parameters:
  ///   - headSize: D.
  ///   - length: the length of the sequence, on which some ways of scaling depend; by default that of a short one.
  /// - Returns: one angle for each pair.
  public func frequencies(headSize: Int, length: Int = 0) -> [Double] {
    let size = rotatedSize(headSize: headSize)
    return (0..<size / 2).map { pair in
      scaling(pow(base, -2 * Double(pair) / Double(size)), pair: pair, length: length)
    }
  }
}
