import Foundation

/// A seedable generator with a small state that a checkpoint can hold: SplitMix64 (Steele, Lea & Flood 2014).
public struct SeededGenerator: RandomNumberGenerator, Sendable, Equatable, Codable {
  /// The whole state; a generator made from it continues the sequence.
  public private(set) var state: UInt64

  /// - Parameter seed: the same seed gives the same sequence.
  public init(seed: UInt64) {
    state = seed
  }

  /// One of many independent generators: that of `seed` for a list of numbers, such as a prompt's and a sample's.
  public init(seed: UInt64, stream numbers: Int...) {
    // Hashed at each level, for the sequences of neighbouring seeds are one sequence, shifted.
    var hash = SeededGenerator(seed: seed)
    for number in numbers { hash = SeededGenerator(seed: hash.next() &+ UInt64(bitPattern: Int64(number))) }
    self.init(seed: hash.next())
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

extension RandomNumberGenerator {
  /// Uniform in [0, 1) with 53 bits.
  public mutating func nextUniform() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// Standard normal, by the Box–Muller transform.
  public mutating func nextNormal() -> Double {
    let radius = (-2 * log(1 - nextUniform())).squareRoot()
    return radius * cos(2 * .pi * nextUniform())
  }
}
