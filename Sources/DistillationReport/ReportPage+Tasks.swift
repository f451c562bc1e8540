import ModelEvaluation

extension ReportPage {
  /// The right answers of each model, and what share of its teacher's a student keeps; nil where nothing was asked.
  var tasks: Markup? {
    let asked = report.models.indices.filter { !report.models[$0].tasks.isEmpty }
    guard let first = asked.first else { return nil }
    let teacher = models(.teacher).first.flatMap { asked.contains($0) ? $0 : nil }
    let kept = asked.map { index -> [KeptAccuracy]? in
      guard let teacher, index != teacher else { return nil }
      return KeptAccuracy.all(student: report.models[index].tasks, teacher: report.models[teacher].tasks)
    }
    // of several tasks, all of them together
    let findings = zip(asked, kept).compactMap { index, kept in
      kept?.last(where: \.isNamed).flatMap { finding($0, of: index) }
    }
    let bodies = report.models[first].tasks.indices.map { body(ofTask: $0, asked, kept) }
    return section(
      "Task accuracy",
      """
      \(findings)<div class="scroller" tabindex="0" role="region" \
      aria-label="Task accuracy, a table that scrolls sideways">
      <table>
      <thead><tr><td></td>\(asked.map { index -> Markup in "<th scope=\"col\">\(label(index))</th>" })</tr></thead>
      \(bodies)</table>
      </div>
      <p class="quiet">Shares of right answers and their standard errors, as lm-evaluation-harness defines them.</p>
      """)
  }

  private func body(ofTask place: Int, _ asked: [Int], _ kept: [[KeptAccuracy]?]) -> Markup {
    let results = asked.map { report.models[$0].tasks[place] }
    let rows = results[0].scores.indices.map { number -> Markup in
      let metric = results[0].scores[number].metric
      let cells = results.map { result -> Markup in
        let accuracy = result.scores[number].accuracy
        return "<td>\(percent(accuracy))</td>"
      }
      let shares = kept.map { kept -> Markup in
        let own = kept?.first { $0.task == results[0].task && $0.metric == metric }
        return "<td>\(own?.share.map(percent) ?? Self.dash)</td>"
      }
      let share: Markup =
        kept.contains { $0 != nil } ? "<tr><th scope=\"row\">of the teacher’s</th>\(shares)</tr>\n" : .none
      return "<tr><th scope=\"row\">\(metric.title)</th>\(cells)</tr>\n\(share)"
    }
    let guessing = results[0].guessing.map { ", \(Figures.percent($0, 1)) by guessing" } ?? ""
    return """
      <tbody>
      <tr class="group"><th scope="rowgroup" colspan="\(asked.count + 1)">\
      <span>\(results[0].task): \(Figures.count(results[0].questions)) questions\(guessing)</span></th></tr>
      \(rows)</tbody>

      """
  }

  private func percent(_ share: Estimate) -> Markup {
    Figures.estimate(100 * share.mean, 100 * share.standardError, unit: "\u{202F}%")
  }

  /// What a student keeps, in a sentence; nil where the teacher has no right answer.
  private func finding(_ kept: KeptAccuracy, of index: Int) -> Markup? {
    guard let share = kept.share else { return nil }
    let place = kept.task.map { "on \($0)" } ?? "over all tasks"
    let remark =
      kept.isTeacherAboveGuessing
      ? "" : " The teacher is not surely better than guessing: this says little."
    return """
      <p class="finding m\(index)">\(label(index)) keeps <b class="share">\(Figures.percent(share.mean, 1))</b> \
      <span class="error">± \(Figures.percent(share.standardError, 1))</span> of the teacher’s accuracy \(place): \
      \(Figures.percent(kept.student, 1)) of \(Figures.percent(kept.teacher, 1)).\(remark)</p>

      """
  }
}
