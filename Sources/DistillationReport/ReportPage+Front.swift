import ModelEvaluation

extension ReportPage {
  /// Students of several sizes: fewer say nothing of a front.
  private static let leastStudents = 3

  /// The students' sizes against their perplexities, those marked that no other beats in both; nil for few students, or
  /// for students of one size.
  var front: Markup? {
    let students = models(.student, .baseline).filter { index in
      let model = report.models[index]
      return model.size != nil && model.perplexity?.perplexity.isFinite == true
    }
    let places = students.map { [parameters(of: $0), perplexity(of: $0)] }
    guard students.count >= Self.leastStudents, Set(places.map { $0[0] }).count > 1 else { return nil }
    let onFront = ParetoFront.indices(of: places)
    let chart = ScatterChart(
      description: "Sizes of \(students.count) students against their perplexities", xName: "parameters",
      points: students.indices.map { index in
        ScatterChart.Point(
          model: students[index], name: names[students[index]], x: places[index][0], y: places[index][1],
          isOnFront: onFront.contains(index))
      })
    let best = onFront.map { students[$0] }.sorted { parameters(of: $0) < parameters(of: $1) }
    let words = best.map {
      "\(names[$0]), \(Figures.compact(parameters(of: $0))), \(Figures.fixed(perplexity(of: $0), 2))"
    }
    return section(
      "Size against perplexity",
      """
      <figure class="chart">
      <figcaption><b>Filled and joined</b> the \(best.count) of \(students.count) students that no other beats in \
      both; sizes on a logarithmic scale</figcaption>
      <div class="wide">\(chart.svg(width: 540, height: 300))</div>
      <div class="narrow">\(chart.svg(width: 340, height: 250))</div>
      </figure>
      <p class="quiet">On the front, with their parameters and perplexities: \(words.joined(separator: "; ")).</p>

      """)
  }

  private func parameters(of index: Int) -> Double { Double(report.models[index].size?.parameters ?? 0) }

  private func perplexity(of index: Int) -> Double { report.models[index].perplexity?.perplexity ?? .nan }
}
