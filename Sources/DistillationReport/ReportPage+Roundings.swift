import ModelEvaluation

extension ReportPage {
  /// What rounding its weights, for a smaller file, costs each student.
  var roundings: Markup? {
    let rounded = report.models.indices.filter { !report.models[$0].roundings.isEmpty }
    guard !rounded.isEmpty else { return nil }
    let bodies = rounded.map { index -> Markup in
      let model = report.models[index]
      let lines = model.roundings.map { rounding in
        line(
          rounding.type, bytes: rounding.weightBytes, rounding.statistics.perplexity,
          divergence: Figures.estimate(
            rounding.statistics.klDivergence.mean, rounding.statistics.klDivergence.standardError),
          sameTop: Figures.estimate(
            100 * rounding.statistics.sameTopToken.mean, 100 * rounding.statistics.sameTopToken.standardError,
            unit: "\u{202F}%"))
      }
      return """
        <tbody>
        <tr class="group"><th scope="rowgroup" colspan="5"><span>\(names[index])</span></th></tr>
        \(line("as trained", bytes: model.size?.weightBytes, model.perplexity, divergence: nil, sameTop: nil))\
        \(lines)</tbody>

        """
    }
    return section(
      "With rounded weights",
      """
      <p class="quiet">The students as <code>limbeck export --type</code> writes them, beside themselves unrounded.</p>
      <div class="scroller" tabindex="0" role="region" aria-label="Rounded weights, a table that scrolls sideways">
      <table>
      <thead><tr><td></td><th scope="col">size</th><th scope="col">perplexity</th>\
      <th scope="col">KL from unrounded, nats</th><th scope="col">same top token</th></tr></thead>
      \(bodies)</table>
      </div>
      """)
  }

  private func line(
    _ name: String, bytes: Int?, _ perplexity: Perplexity?, divergence: Markup?, sameTop: Markup?
  ) -> Markup {
    let cells: [Markup?] = [
      bytes.map { "\(Figures.bytes($0))" },
      perplexity.map { Figures.estimate($0.perplexity, $0.perplexityStandardError) }, divergence, sameTop,
    ]
    return "<tr><th scope=\"row\">\(name)</th>\(cells.map { cell -> Markup in "<td>\(cell ?? Self.dash)</td>" })</tr>\n"
  }
}
