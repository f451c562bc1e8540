/// Where the teacher's row of logits comes from: one projection, or several whose distributions are mixed.
///
/// The mixture at temperature τ is Σ w·softmax(z/τ); its row is τ · log of it, whose softmax at τ is the mixture again.
/// (The mean of the logits would be a mixture of no distributions.)
public struct TeacherProjection {
  /// Of one vocabulary, and of the same tokens as the student's.
  public let projections: [VocabularyProjection]
  /// Of each projection in the mixture, above 0; their sum is 1.
  public let weights: [Float]
  /// τ, at which several are mixed; one is left as it is.
  public let temperature: Float

  /// Whether rows are logits that mean the teacher's distribution at any temperature: those of one teacher, or of a
  /// mixture at temperature 1.
  public var isAtEveryTemperature: Bool { projections.count == 1 || temperature == 1 }

  /// One teacher.
  public init(_ projection: VocabularyProjection) {
    self.init(mixing: [(projection, 1)], temperature: 1)
  }

  /// The mixture of one or more teachers at a temperature; the weights are divided by their sum.
  public init(mixing teachers: [(projection: VocabularyProjection, weight: Float)], temperature: Float) {
    let total = teachers.reduce(0) { $0 + $1.weight }
    precondition(
      !teachers.isEmpty && total.isFinite && teachers.allSatisfy { $0.weight > 0 },
      "teachers' weights must be above 0, not \(teachers.map(\.weight))")
    projections = teachers.map(\.projection)
    weights = teachers.map { $0.weight / total }
    self.temperature = temperature
  }
}
