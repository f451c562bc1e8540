extension ReportPage {
  /// From which KL on, in nats, a token has each level of colour but the lowest.
  private static let levels = [0.03, 0.1, 0.3, 1.0]
  /// Rows of the table of the tokens that differ most.
  private static let listedTokens = 8

  /// A stretch of the text for each model, its tokens coloured by their KL divergence.
  var passage: Markup? {
    guard let passage = report.evaluation?.passage, !passage.tokens.isEmpty else { return nil }
    let compared = report.models.indices.filter { report.models[$0].statistics != nil }
    // Students first: they are what the report is about.
    let order = compared.enumerated().sorted {
      (report.models[$0.element].role == .student ? 0 : 1, $0.offset)
        < (report.models[$1.element].role == .student ? 0 : 1, $1.offset)
    }
    let figures = order.map { figure(passage, student: $0.offset, model: $0.element) }
    return section(
      "A passage, token by token",
      """
      <p class="quiet">A typical stretch of the held-out text, from its token \
      \(Figures.count(passage.position + 1)) on. The deeper a token’s colour and the thicker the line under it, the \
      farther the model’s prediction of it is from the teacher’s. A pointer over a token shows both sides’ \
      probabilities; the tables list the tokens that differ most.</p>
      \(legend)
      <div class="passages">
      \(figures)</div>
      """)
  }

  private var legend: Markup {
    let names = (0...Self.levels.count).map { level in
      switch level {
      case 0: "below \(Figures.compact(Self.levels[0]))"
      case Self.levels.count: "\(Figures.compact(Self.levels[level - 1])) or more"
      default: "\(Figures.compact(Self.levels[level - 1])) to \(Figures.compact(Self.levels[level]))"
      }
    }
    let items = names.enumerated().map { level, name -> Markup in
      "<li><span class=\"k k\(level)\">token</span> \(name)</li>"
    }
    return "<ul class=\"legend\" aria-label=\"KL divergence in nats\"><li>KL in nats:</li>\(items)</ul>"
  }

  private func figure(_ passage: ComparedPassage, student: Int, model: Int) -> Markup {
    let divergences = passage.tokens.map { $0.students[student].divergence }
    let mean = divergences.reduce(0, +) / Double(divergences.count)
    let spans = passage.tokens.map { span($0, $0.students[student]) }
    return """
      <figure class="passage">
      <figcaption>\(label(model)) <span class="unit">mean KL here \(Figures.short(mean)) nats</span></figcaption>
      <p class="prose tokens">\(spans)</p>
      <details>
      <summary>The tokens that differ most</summary>
      \(table(passage, student: student, divergences))
      </details>
      </figure>

      """
  }

  private func span(_ token: ComparedPassage.Token, _ student: ComparedPassage.StudentToken) -> Markup {
    let level = Self.levels.count { student.divergence >= $0 }
    let title = """
      KL \(Figures.fixed(student.divergence, 3)) nats; teacher \(Figures.percent(token.teacherProbability, 1)), model \
      \(Figures.percent(student.probability, 1)); top tokens: teacher \(token.teacherTop.quoted), model \
      \(student.top.quoted)
      """
    return "<span class=\"k k\(level)\" title=\"\(title)\">\(Self.visible(token.text))</span>"
  }

  /// What could not be seen is shown by signs: the middle of a character, the end of a line.
  private static func visible(_ text: String) -> Markup {
    guard !text.isEmpty else { return "<span class=\"sign\">◦</span>" }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { Markup($0) }
    return lines.dropFirst().reduce(lines[0]) { "\($0)<span class=\"sign\">↵</span>\n\($1)" }
  }

  private func table(_ passage: ComparedPassage, student: Int, _ divergences: [Double]) -> Markup {
    let worst = divergences.indices.sorted { (divergences[$1], $0) < (divergences[$0], $1) }.prefix(Self.listedTokens)
    let rows = worst.map { index -> Markup in
      let (token, other) = (passage.tokens[index], passage.tokens[index].students[student])
      let before = passage.tokens[max(0, index - 6)..<index].map(\.text).joined().replacing("\n", with: " ")
      return """
        <tr><th scope="row" class="context">\(before)<mark>\(token.text.replacing("\n", with: "↵"))</mark></th>\
        <td>\(Figures.fixed(other.divergence, 3))</td><td>\(Figures.percent(token.teacherProbability, 1))</td>\
        <td>\(Figures.percent(other.probability, 1))</td><td><code>\(token.teacherTop.quoted)</code></td>\
        <td><code>\(other.top.quoted)</code></td></tr>

        """
    }
    return """
      <div class="scroller" tabindex="0" role="region" aria-label="Tokens, a table that scrolls sideways">
      <table>
      <thead><tr><th scope="col">token</th><th scope="col">KL</th><th scope="col">teacher</th>\
      <th scope="col">model</th><th scope="col">teacher’s top token</th>\
      <th scope="col">model’s top token</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      """
  }
}

extension String {
  /// Between quotes, on one line.
  fileprivate var quoted: String { "“" + replacing("\n", with: "↵") + "”" }
}
