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
}
