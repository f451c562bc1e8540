import Foundation

/// How rotary embeddings (Su et al. 2021) tell positions apart.
public struct RotaryPositions: Equatable, Sendable {
  /// θ, the base of the wavelengths; above 0.
  public var base: Double
  /// How the frequencies are lowered for longer contexts.
  public var scaling: RotaryScaling

  /// By default those of Llama 2.
  public init(base: Double = 10_000, scaling: RotaryScaling = .none) {
    self.base = base
    self.scaling = scaling
  }

  /// The angle in radians by which each pair of a head of `headSize` D turns from one position to the next: θ^(−2i/D),
  /// scaled [D/2].
  public func frequencies(headSize: Int) -> [Double] {
    (0..<headSize / 2).map { scaling(pow(base, -2 * Double($0) / Double(headSize))) }
  }
}
