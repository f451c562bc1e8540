import ModelEvaluation

extension ReportPage {
  /// The result in a sentence and a picture for each student; nil where nothing was measured beside a teacher.
  var summary: Markup? {
    let shown = report.models.indices.filter {
      [.student, .baseline].contains(report.models[$0].role) && report.models[$0].statistics != nil
    }
    guard let teacher = models(.teacher).first, !shown.isEmpty else { return nil }
    return section("Result", "\(shown.map { result(of: $0, teacher: teacher) })\(missingControl)")
  }

  private func result(of index: Int, teacher: Int) -> Markup {
    guard let statistics = report.models[index].statistics else { return .none }
    return """
      <article class="result m\(index)">
      <h3>\(label(index))</h3>
      \(meter(of: index, statistics, teacher: teacher))
      <div class="tiles">
      \(tile("perplexity", Figures.fixed(statistics.perplexity.perplexity, 2), perplexityNote(statistics, teacher)))
      \(tile("KL divergence", Figures.short(statistics.klDivergence.mean), "nats per token from the teacher"))
      \(tile("same top token", Figures.percent(statistics.sameTopToken.mean, 1), "of tokens, as the teacher’s"))
      \(tile(
        "speculative acceptance", Figures.percent(statistics.speculativeAcceptance.mean, 1), "as the teacher’s draft"))
      \(sizeTile(index, teacher))
      </div>
      </article>

      """
  }

  private func tile(_ name: String, _ value: String, _ note: String) -> Markup {
    "<div class=\"tile\"><p>\(name)</p><p class=\"value\">\(value)</p><p class=\"note\">\(note)</p></div>"
  }

  private func perplexityNote(_ statistics: StudentStatistics, _ teacher: Int) -> String {
    let ratio = statistics.perplexityRatio.mean - 1
    let side = ratio < 0 ? "below" : "above"
    return "\(Figures.percent(abs(ratio), 1)) \(side) the teacher’s"
  }

  private func sizeTile(_ index: Int, _ teacher: Int) -> Markup {
    guard let size = report.models[index].size, let whole = report.models[teacher].size else { return .none }
    let share = Double(size.parameters) / Double(whole.parameters)
    return tile(
      "parameters", Figures.compact(Double(size.parameters)),
      "\(Figures.percent(share, share < 0.1 ? 1 : 0)) of the teacher’s \(Figures.compact(Double(whole.parameters)))")
  }

  /// How far the student came on the way from the control to the teacher.
  private func meter(of index: Int, _ statistics: StudentStatistics, teacher: Int) -> Markup {
    guard let control = models(.control).first, let before = report.models[control].perplexity,
      let after = report.models[teacher].perplexity
    else { return .none }
    guard let share = statistics.gapClosed else {
      return """
        <p class="finding">The control is not surely worse than the teacher here, so there is no gap that distillation \
        could close.</p>
        """
    }
    let (filled, spread) = (100 * min(1, max(0, share.mean)), 100 * min(1, 2 * share.standardError))
    return """
      <p class="finding">\(finding(share, of: index))</p>
      <div class="meter" role="img" aria-label="\(Figures.percent(share.mean, 1)) of the way from control to teacher">
      <div class="fill" style="width:\(Figures.coordinate(filled))%"></div>
      <div class="whisker" \
      style="left:\(Figures.coordinate(filled - spread))%;width:\(Figures.coordinate(2 * spread))%"></div>
      </div>
      <p class="ends"><span>\(nameAndRole(control)) <b>\(Figures.fixed(before.perplexity, 2))</b></span>\
      <span>perplexity</span><span><b>\(Figures.fixed(after.perplexity, 2))</b> \(nameAndRole(teacher))</span></p>
      """
  }

  private func finding(_ share: Estimate, of index: Int) -> Markup {
    let error = Figures.percent(share.standardError, share.standardError < 0.095 ? 1 : 0)
    let verdict =
      abs(share.mean) <= 2 * share.standardError
      ? ": no more than chance explains." : share.mean < 0 ? ": the student is worse than the control." : "."
    let subject = report.models[index].role == .student ? "Distillation" : "Its training"
    return """
      \(subject) closed <b class="share">\(Figures.percent(share.mean, 1))</b> <span class="error">± \(error)</span> \
      of the gap between control and teacher\(verdict)
      """
  }

  private var missingControl: Markup {
    models(.control).isEmpty
      ? """
      <p class="quiet">There is no control, the same student trained without the teacher, so what distillation itself \
      gained is not known. With one: <code>limbeck report … --control DIR</code>.</p>
      """ : .none
  }
}
