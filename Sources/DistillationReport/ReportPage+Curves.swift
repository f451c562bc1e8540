import Distillation
import ModelTraining

extension ReportPage {
  /// How the runs learnt.
  var curves: Markup? {
    let panels = LearningCurves(report.models, names: names).panels
    guard !panels.isEmpty else { return nil }
    let drawn = Set(panels.flatMap { $0.chart.curves.map(\.model) })
    let levels = Set(panels.flatMap { $0.chart.references.map(\.model) }).subtracting(drawn)
    let legend = drawn.union(levels).sorted().map { index -> Markup in
      """
      <li class="m\(index)"><svg viewBox="0 0 30 10" aria-hidden="true"><line \
      class="\(levels.contains(index) ? "reference" : "line")" x1="1" x2="29" y1="5" y2="5"/></svg>\(names[index])\
      \(levels.contains(index) ? ", as a level" : "")</li>
      """
    }
    return section(
      "Curves",
      "<ul class=\"legend\">\(legend)</ul>\n<div class=\"charts\">\n\(panels.map(figure))</div>\n\(validationTable)")
  }

  /// A chart in two shapes, of which the style shows the one that fits the screen.
  private func figure(_ panel: LearningCurves.Panel) -> Markup {
    """
    <figure class="chart">
    <figcaption><b>\(panel.heading)</b> \(panel.note)</figcaption>
    <div class="wide">\(panel.chart.svg(width: 540, height: 300))</div>
    <div class="narrow">\(panel.chart.svg(width: 340, height: 250))</div>
    </figure>

    """
  }

  /// What the table has beside cross-entropy and perplexity.
  private static let tableTerms: [(term: LossTerm, heading: String)] = [
    (.divergence, "divergence"), (.klDivergence, "KL"), (.entropy, "entropy"), (.teacherEntropy, "teacher’s entropy"),
  ]

  private func cell(_ value: Double?) -> Markup { "<td>\(value.map { Figures.fixed($0, 4) } ?? Figures.unknown)</td>" }

  /// The validation curves in numbers.
  private var validationTable: Markup {
    let validated = report.models.indices.filter { !(report.models[$0].run?.evaluations ?? []).isEmpty }
    guard !validated.isEmpty else { return .none }
    let rows = validated.flatMap { index in
      (report.models[index].run?.evaluations ?? []).map { line -> Markup in
        """
        <tr><th scope="row">\(label(index))</th><td>\(Figures.count(line.step))</td>\
        <td>\(Figures.fixed(line.crossEntropy, 4))</td><td>\(line.perplexity.map { Figures.fixed($0, 3) } ?? "")</td>\
        \(Self.tableTerms.map { cell(line.terms[$0.term]) })\
        <td>\(Figures.time(line.seconds))</td></tr>

        """
      }
    }
    return """
      <details>
      <summary>All evaluations in numbers</summary>
      <div class="scroller" tabindex="0" role="region" aria-label="Evaluations, a table that scrolls sideways">
      <table>
      <thead><tr><td></td><th scope="col">step</th><th scope="col">cross-entropy</th><th scope="col">perplexity</th>\
      \(Self.tableTerms.map { "<th scope=\"col\">\($0.heading)</th>" as Markup })<th scope="col">time</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      </details>
      """
  }
}
