import ModelEvaluation

/// A comparison as a table: one column a model, the teacher's first.
struct ComparisonTable {
  private let comparison: TeacherStudentComparison
  private var rows: [[String]]

  var text: String { "\(Format.count(comparison.teacher.tokens)) tokens\n" + TextTable(rows: rows).text }

  /// - Parameters:
  ///   - names: the models' names, the teacher's first.
  ///   - comparison: what is shown.
  init(_ names: [String], _ comparison: TeacherStudentComparison) {
    self.comparison = comparison
    rows = [[""] + names]
    addModels("perplexity") { Self.estimate($0.perplexity, $0.perplexityStandardError) }
    addModels("nats per token") { Format.fixed($0.natsPerToken, 4) }
    addModels("bits per byte") { $0.bitsPerByte.map { Format.fixed($0, 4) } ?? "-" }
    addModels("word perplexity") { $0.wordPerplexity.map { Format.fixed($0, 4) } ?? "-" }
    add("ln(perplexity ratio)", \.logPerplexityRatio)
    add("perplexity ratio", \.perplexityRatio)
    add("same top token, %", \.sameTopToken, scale: 100)
    add("speculative acceptance, %", \.speculativeAcceptance, scale: 100)
    add("KL divergence, nats", \.klDivergence)
    add(\.klDivergencePercentiles)
    add("Δp of the true token, %", \.probabilityDifference, scale: 100)
    add("  root mean square", \.probabilityDifferenceRMS, scale: 100)
    add(\.probabilityDifferencePercentiles, scale: 100)
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

  private static func estimate(_ mean: Double, _ standardError: Double) -> String {
    "\(Format.fixed(mean, 4)) ± \(Format.fixed(standardError, 4))"
  }
}
