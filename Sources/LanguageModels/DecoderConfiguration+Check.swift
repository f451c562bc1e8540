public import Diagnostics

extension DecoderConfiguration {
  /// Sizes above this are surely damage: no model has them, and their products would overflow.
  public static let sizeLimit = 1 << 31
  /// Each layer has a dozen tensors of its own, and each position a row in the table of rotations: numbers above these
  /// would only run for hours, or out of memory.
  public static let layerLimit = 1 << 13
  static let contextLimit = 1 << 22
  /// The largest model taken for real: 1 TB of float32 weights.
  private static let weightLimit = 1_000_000_000_000 / 4

  /// Checks each value, and what must hold between them.
  /// - Parameter place: where they come from, as the error names it.
  /// - Throws: the first value that is wrong, by the name of its property here.
  public func check(place: String = "") throws(InvalidValue) {
    func require(_ holds: Bool, _ key: String, _ expected: String, _ found: some Any) throws(InvalidValue) {
      try Self.require(holds, place, key, expected, found)
    }
    func requireSize(_ key: String, _ size: Int, limit: Int = Self.sizeLimit) throws(InvalidValue) {
      try require((1...limit).contains(size), key, "an integer from 1 to \(limit)", size)
    }
    try requireSize("vocabularySize", vocabularySize)
    try requireSize("hiddenSize", hiddenSize)
    try requireSize("feedForwardSize", feedForwardSize)
    try requireSize("layerCount", layerCount, limit: Self.layerLimit)
    try requireSize("headCount", headCount)
    try requireSize("keyValueHeadCount", keyValueHeadCount)
    try requireSize("headSize", headSize)
    try requireSize("contextLength", contextLength, limit: Self.contextLimit)
    try require(
      headCount.isMultiple(of: keyValueHeadCount), "keyValueHeadCount", "a divisor of the \(headCount) query heads",
      keyValueHeadCount)
    try require(
      headSize.isMultiple(of: 2), "headSize",
      "an even number (by default the hidden size divided by the heads), for rotary embeddings turn pairs", headSize)
    try require(normEpsilon > 0 && normEpsilon < 1, "normEpsilon", "a number above 0 and below 1", normEpsilon)
    for layer in attention {
      if let window = layer.window { try requireSize("window", window) }
      if let rotary = layer.rotary { try check(rotary, place: place) }
    }
    let scales: [(key: String, value: Float?)] = [
      ("attentionScale", attentionScale), ("attentionCap", attentionCap), ("logitCap", logitCap),
      ("embeddingScale", embeddingScale.value(hiddenSize: hiddenSize)), ("residualScale", residualScale),
      ("logitScale", logitScale),
    ]
    for (key, value) in scales {
      guard let value else { continue }
      // what a float32 rounds to nothing is none
      try require(value.isNormal && value > 0, key, "a number above 0", value)
    }
    try require(normOffset.isFinite, "normOffset", "a number", normOffset)
    try require((0...1).contains(initializerRange), "initializerRange", "a number from 0 to 1", initializerRange)
    let ids = [("bosTokenID", bosTokenID), ("padTokenID", padTokenID)] + eosTokenIDs.map { ("eosTokenIDs", $0) }
    for (key, id) in ids {
      guard let id else { continue }
      try require((0..<vocabularySize).contains(id), key, "an id below the vocabulary's size \(vocabularySize)", id)
    }
    try require(
      (weightCount ?? .max) <= Self.weightLimit, "the sizes together", "at most 1 TB of float32 weights",
      weightCount.map { "\($0) weights" } ?? "more weights than can be counted")
  }

  /// Checks how a layer tells positions apart.
  private func check(_ rotary: RotaryPositions, place: String) throws(InvalidValue) {
    func require(_ holds: Bool, _ key: String, _ expected: String, _ found: some Any) throws(InvalidValue) {
      try Self.require(holds, place, key, expected, found)
    }
    try require(rotary.base > 0 && rotary.base.isFinite, "rotary.base", "a number above 0", rotary.base)
    try require(
      (0...1).contains(rotary.rotatedShare) && rotary.rotatedSize(headSize: headSize).isMultiple(of: 2),
      "rotary.rotatedShare", "a number from 0 to 1 that gives an even number of the \(headSize) channels of a head",
      rotary.rotatedShare)
    let pairs = rotary.rotatedSize(headSize: headSize) / 2
    if let flaw = rotary.scaling.flaw(pairs: pairs) { try require(false, "rotary.scaling", flaw, rotary.scaling) }
  }

  private static func require(
    _ holds: Bool, _ place: String, _ key: String, _ expected: String, _ found: some Any
  ) throws(InvalidValue) {
    guard holds else { throw InvalidValue(place, key, expected: expected, found: "\(found)") }
  }
}
