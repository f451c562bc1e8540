import Foundation
import ModelTraining

extension ReportPage {
  /// The settings of each run beside each other, those that differ first.
  var recipes: Markup? {
    let columns = report.models.indices.filter { !report.models[$0].settings.isEmpty }
    guard !columns.isEmpty else { return nil }
    var keys: [String] = []
    for setting in columns.flatMap({ report.models[$0].settings }) where !keys.contains(setting.key) {
      keys.append(setting.key)
    }
    func values(_ key: String) -> [String?] {
      columns.map { index in report.models[index].settings.first { $0.key == key }?.value }
    }
    let differing = keys.filter { Set(values($0)).count > 1 }
    let same = keys.filter { Set(values($0)).count == 1 }
    let heads = columns.map { index -> Markup in "<th scope=\"col\">\(label(index))</th>" }
    func body(_ name: String, _ keys: [String]) -> Markup {
      guard !keys.isEmpty else { return .none }
      let rows = keys.map { key -> Markup in
        let all = values(key)
        if columns.count > 1, Set(all).count == 1 {
          return """
            <tr><th scope="row"><code>\(key)</code></th>\
            <td class="setting shared" colspan="\(columns.count)">\(all[0] ?? "")</td></tr>

            """
        }
        let cells = all.map { value -> Markup in
          "<td class=\"setting\">\(value.map { Markup($0) } ?? Self.dash)</td>"
        }
        return "<tr><th scope=\"row\"><code>\(key)</code></th>\(cells)</tr>\n"
      }
      let heading: Markup =
        columns.count == 1
        ? .none
        : """
        <tr class="group"><th scope="rowgroup" colspan="\(columns.count + 1)"><span>\(name)</span></th></tr>
        """
      return "<tbody>\n\(heading)\n\(rows)</tbody>\n"
    }
    return section(
      "Recipe",
      """
      <div class="scroller" tabindex="0" role="region" aria-label="Settings, a table that scrolls sideways">
      <table>
      <thead><tr><td></td>\(heads)</tr></thead>
      \(body("Different", differing))\(body("The same for all", same))</table>
      </div>
      <p class="quiet">Each run’s folder has its whole recipe, <code>recipe.yaml</code>; with it \
      <code>limbeck train</code> or <code>distill</code> <code>--recipe FILE --output NEW</code> makes the run \
      again.</p>
      """)
  }

  /// What the numbers mean, and what was measured.
  var methods: Markup? {
    let models = report.models.indices.map { index -> Markup in
      let model = report.models[index]
      var facts: [(String, String)] = [("folder", model.folder)]
      if let manifest = model.run?.manifest {
        facts.append(("begun", "\(manifest.created.formatted(.iso8601)), \(manifest.version)"))
        if let result = manifest.result { facts.append(("finished", result.finished.formatted(.iso8601))) }
        facts += manifest.inputs.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
      }
      let rows = facts.map { name, value -> Markup in "<dt>\(name)</dt><dd>\(value)</dd>" }
      return "<h3>\(label(index))</h3>\n<dl>\(rows)</dl>\n"
    }
    return section(
      "How to read it",
      """
      <dl class="terms">
      <dt>±</dt><dd>one standard error over tokens, as if they were independent. Ratios, divergences and shares are \
      those of the same tokens, so that their errors are paired ones and smaller than those of the perplexities.</dd>
      <dt>perplexity</dt><dd>exp of the mean −ln q(token). Each document is cut into windows; a window is fed the \
      beginning-of-text token and its own tokens, and every token counts, but for prompts that have completions, \
      unless the run counts them. The validation points of the curves are measured in the same way, in windows of the \
      run’s sequence length.</dd>
      <dt>gap closed</dt><dd>(control − student) / (control − teacher), in nats per token: 0 % is the control, 100 % \
      the teacher.</dd>
      <dt>KL divergence</dt><dd>Σ p (ln p − ln q) over the vocabulary, p the teacher’s probabilities and q the \
      model’s, at temperature 1.</dd>
      <dt>same top token</dt><dd>the share of tokens for which teacher and model have the same most probable token.</dd>
      <dt>speculative acceptance</dt><dd>Σ min(p, q): the share of the model’s tokens that the teacher accepts when \
      the model drafts for it.</dd>
      <dt>peak memory</dt><dd>the most that the training process ever held, teacher included.</dd>
      </dl>
      <details>
      <summary>Where the models are from</summary>
      \(models)</details>
      """)
  }
}
