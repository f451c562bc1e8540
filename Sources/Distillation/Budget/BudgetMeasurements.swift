public import Diagnostics

/// What was measured of a teacher, a text and this machine: all that a `BudgetPlan` is made from. Times are seconds of
/// the wall clock.
public struct BudgetMeasurements: Codable, Sendable, Equatable {
  /// A student that may be distilled.
  public struct Candidate: Codable, Sendable, Equatable {
    /// Its weights, embedding and head included.
    public var weights: Int
    /// C
    public var hiddenSize: Int
    /// Whether channels or neurons are cut, so that their importance must be measured.
    public var isNarrow: Bool
    /// The seconds of a token that is learnt from the text alone.
    public var secondsPerToken: Double

    /// A candidate, as the properties say.
    public init(weights: Int, hiddenSize: Int, isNarrow: Bool, secondsPerToken: Double) {
      (self.weights, self.hiddenSize, self.isNarrow) = (weights, hiddenSize, isNarrow)
      self.secondsPerToken = secondsPerToken
    }
  }

  /// The seconds that all of it may take.
  public var budget: Double
  /// Those that were spent before the first run begins.
  public var spent: Double
  /// Those from the beginning of a run to its first step: models and text are read.
  public var preparation: Double
  /// The tokens of one pass over the text.
  public var trainingTokens: Int
  /// The tokens that are held out.
  public var heldOutTokens: Int
  /// T
  public var sequenceLength: Int
  /// The teacher's weights, embedding and head included.
  public var teacherWeights: Int
  /// The seconds of a token that the teacher predicts, of many at once.
  public var teacherSecondsPerToken: Double
  /// The seconds of a token that the teacher generates.
  public var generationSecondsPerToken: Double
  /// The students that may be distilled, the largest first; at least one.
  public var candidates: [Candidate]

  /// Measurements, as the properties say.
  public init(
    budget: Double, spent: Double, preparation: Double, trainingTokens: Int, heldOutTokens: Int, sequenceLength: Int,
    teacherWeights: Int, teacherSecondsPerToken: Double, generationSecondsPerToken: Double, candidates: [Candidate]
  ) {
    precondition(!candidates.isEmpty && sequenceLength > 0, "\(candidates.count) students of \(sequenceLength) tokens")
    (self.budget, self.spent, self.preparation) = (budget, spent, preparation)
    (self.trainingTokens, self.heldOutTokens) = (trainingTokens, heldOutTokens)
    (self.sequenceLength, self.teacherWeights) = (sequenceLength, teacherWeights)
    self.teacherSecondsPerToken = teacherSecondsPerToken
    self.generationSecondsPerToken = generationSecondsPerToken
    self.candidates = candidates
  }

  /// More than any text, model or time has.
  private static let (mostTokens, mostSeconds) = (1 << 48, 1e9)

  /// Throws where they cannot be those of a machine: for what was measured without success, or read from a file.
  public func validate() throws(InvalidValue) {
    func require(_ key: String, _ expected: String, _ value: some CustomStringConvertible, _ isValid: Bool)
      throws(InvalidValue)
    {
      if !isValid { throw InvalidValue(key, expected: expected, found: "\(value)") }
    }
    try require("candidates", "one or more", candidates.count, !candidates.isEmpty)
    try require(
      "sequenceLength", "1 to \(Int32.max)", sequenceLength, (1...Int(Int32.max)).contains(sequenceLength))
    let numbers =
      [("trainingTokens", trainingTokens), ("teacherWeights", teacherWeights)]
      + candidates.flatMap { [("weights", $0.weights), ("hiddenSize", $0.hiddenSize)] }
    for (key, number) in numbers {
      try require(key, "1 to \(Self.mostTokens)", number, (1...Self.mostTokens).contains(number))
    }
    try require(
      "heldOutTokens", "0 to \(Self.mostTokens)", heldOutTokens, (0...Self.mostTokens).contains(heldOutTokens))
    for (key, seconds) in [("spent", spent), ("preparation", preparation)] {
      try require(key, "seconds", seconds, (0...Self.mostSeconds).contains(seconds))
    }
    let times =
      [
        ("budget", budget), ("teacherSecondsPerToken", teacherSecondsPerToken),
        ("generationSecondsPerToken", generationSecondsPerToken),
      ] + candidates.map { ("secondsPerToken", $0.secondsPerToken) }
    for (key, seconds) in times {
      try require(key, "seconds above 0", seconds, seconds > 0 && seconds <= Self.mostSeconds)
    }
  }
}
