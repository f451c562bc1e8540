extension ReportPage {
  /// What each model makes of the same prompts.
  var samples: Markup? {
    guard !report.samples.isEmpty else { return nil }
    let articles = report.samples.map { sample -> Markup in
      let cards = zip(report.models.indices, sample.continuations).compactMap { index, text in
        text.map { card(index, $0) }
      }
      return """
        <article class="sample">
        <p class="prose">\(sample.prompt)<span class="original">\(sample.original ?? "") …</span></p>
        <div class="cards">
        \(cards)</div>
        </article>

        """
    }
    let hasOriginals = report.samples.contains { $0.original != nil }
    return section(
      "Samples",
      """
      <p class="quiet">Each model goes on from the same words, with the same random numbers.\
      \(hasOriginals ? " In grey, how the held-out text itself goes on." : "")</p>
      \(articles)
      """)
  }

  private func card(_ index: Int, _ text: String) -> Markup {
    """
    <article class="card"><h3>\(label(index))</h3>\
    <p class="prose">… \(text.trimmingPrefix(while: \.isWhitespace))</p></article>

    """
  }
}
