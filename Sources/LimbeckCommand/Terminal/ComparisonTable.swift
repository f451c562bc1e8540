import ModelEvaluation

/// A comparison as a table: one column a model, the teacher's first.
struct ComparisonTable {
  private let comparison: TeacherStudentComparison
  private let window: Int
  /// What models are called, the teacher first.
  private let folders: [String]
  /// Each with a cell for each model, which is empty where it has none.
  private var rows: [[String]] = []

  /// - Parameters:
  ///   - models: the models, the teacher first.
  ///   - comparison: what is shown.
  ///   - window: the tokens of a window.
  ///   - withPercentiles: whether the spreads over tokens are shown.
  init(_ models: [ComparedModel], _ comparison: TeacherStudentComparison, window: Int, withPercentiles: Bool) {
    self.comparison = comparison
    self.window = window
    folders = models.map(\.folder)
    rows.append(["parameters"] + models.map { Format.count($0.parameters) })
    rows.append(["  without embedding and head"] + models.map { Format.count($0.nonEmbeddingParameters) })
    rows.append(["size of the weights"] + models.map { Format.bytes($0.weightBytes) })
    addModels("perplexity") { Self.estimate($0.perplexity, $0.perplexityStandardError) }
    addModels("nats per token") { Format.fixed($0.natsPerToken, 4) }
    addModels("bits per byte") { $0.bitsPerByte.map { Format.fixed($0, 4) } ?? "-" }
    addModels("word perplexity") { $0.wordPerplexity.map { Format.fixed($0, 4) } ?? "-" }
    add("ln(perplexity ratio)", \.logPerplexityRatio)
    add("perplexity ratio", \.perplexityRatio)
    add("same top token, %", \.sameTopToken, scale: 100)
    add("speculative acceptance, %", \.speculativeAcceptance, scale: 100)
    add("KL divergence, nats", \.klDivergence)
    if withPercentiles { add(\.klDivergencePercentiles) }
    add("Δp of the true token, %", \.probabilityDifference, scale: 100)
    add("  root mean square", \.probabilityDifferenceRMS, scale: 100)
    if withPercentiles { add(\.probabilityDifferencePercentiles, scale: 100) }
    if models.contains(where: { $0.rounding != nil }) {
      addRoundings(models, "KL from the student unrounded, nats", \.klDivergence, digits: 6)
      addRoundings(models, "same top token as unrounded, %", \.sameTopToken, scale: 100)
    }
    if models.contains(where: { $0.generatedTokensPerSecond != nil }) {
      rows.append(
        ["generation, tokens/s"] + models.map { $0.generatedTokensPerSecond.map { Format.count(Int($0)) } ?? "-" })
    }
  }

  /// The table, as `ModelColumns` fits it into so many columns of a screen.
  func text(columns: Int?) -> String {
    "\(Format.count(comparison.teacher.tokens, "token")) in windows of \(Format.count(window))\n"
      + ModelColumns(folders: folders, rows: rows, teacher: 0).text(columns: columns)
  }

  private mutating func addModels(_ name: String, _ cell: (Perplexity) -> String) {
    rows.append([name, cell(comparison.teacher)] + comparison.students.map { cell($0.perplexity) })
  }

  private mutating func add(_ name: String, _ value: KeyPath<StudentStatistics, Estimate>, scale: Double = 1) {
    rows.append(
      [name, ""]
        + comparison.students.map {
          Self.estimate($0[keyPath: value].mean * scale, $0[keyPath: value].standardError * scale)
        })
  }

  private mutating func addRoundings(
    _ models: [ComparedModel], _ name: String, _ value: KeyPath<ComparedModel.Rounding, Estimate>, scale: Double = 1,
    digits: Int = 4
  ) {
    rows.append(
      [name]
        + models.map { model in
          guard let estimate = model.rounding?[keyPath: value] else { return "" }
          return Self.estimate(estimate.mean * scale, estimate.standardError * scale, digits: digits)
        })
  }

  private mutating func add(_ spread: KeyPath<StudentStatistics, Percentiles>, scale: Double = 1) {
    let percentiles: [(String, KeyPath<Percentiles, Double>)] = [
      ("99.9 %", \.p999), ("99 %", \.p99), ("95 %", \.p95), ("90 %", \.p90), ("median", \.median), ("10 %", \.p10),
      ("5 %", \.p5), ("1 %", \.p1),
    ]
    for (name, percentile) in percentiles {
      rows.append(
        ["  " + name, ""]
          + comparison.students.map { Format.fixed($0[keyPath: spread][keyPath: percentile] * scale, 4) })
    }
  }

  private static func estimate(_ mean: Double, _ standardError: Double, digits: Int = 4) -> String {
    "\(Format.fixed(mean, digits)) ± \(Format.fixed(standardError, digits))"
  }
}
