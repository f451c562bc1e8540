import LanguageModels
import ModelEvaluation
import ModelTraining

extension ReportPage {
  /// All models beside each other.
  var modelTable: Markup? {
    let groups = [quality, closeness, cost, training].filter { !$0.rows.isEmpty }
    guard !groups.isEmpty else { return nil }
    let heads = report.models.indices.map { index -> Markup in
      let model = report.models[index]
      let facts = [names[index] == model.role.title ? nil : model.role.title, model.isUnfinished ? "unfinished" : nil]
      let role = facts.compactMap(\.self).joined(separator: ", ")
      return "<th scope=\"col\">\(label(index))<span class=\"role\">\(role)</span></th>"
    }
    let bodies = groups.map { group -> Markup in
      """
      <tbody>
      <tr class="group"><th scope="rowgroup" colspan="\(report.models.count + 1)"><span>\(group.name)</span></th></tr>
      \(group.rows.map(tableRow))</tbody>

      """
    }
    return section(
      "Models",
      """
      <div class="scroller" tabindex="0" role="region" aria-label="Models, a table that scrolls sideways">
      <table>
      <thead><tr><td></td>\(heads)</tr></thead>
      \(bodies)</table>
      </div>
      """)
  }

  struct Row {
    let name: String
    let note: String
    /// One a model; nil where there is none.
    let cells: [Markup?]
  }

  private func tableRow(_ row: Row) -> Markup {
    let note: Markup = row.note.isEmpty ? .none : "<span class=\"unit\">\(row.note)</span>"
    let cells = row.cells.map { cell -> Markup in
      "<td>\(cell ?? Self.dash)</td>"
    }
    return "<tr><th scope=\"row\">\(row.name)\(note)</th>\(cells)</tr>\n"
  }

  /// A row that is left out where no model has a value.
  private func row(_ name: String, _ note: String = "", _ cell: (ReportedModel) -> Markup?) -> Row? {
    let cells = report.models.map(cell)
    return cells.contains { $0 != nil } ? Row(name: name, note: note, cells: cells) : nil
  }

  private var quality: (name: String, rows: [Row]) {
    (
      "On held-out text",
      [
        row("perplexity") { $0.perplexity.map { Figures.estimate($0.perplexity, $0.perplexityStandardError) } },
        row("ln of its ratio to the teacher’s", "paired") { $0.estimate(\.logPerplexityRatio) },
        row("bits per byte") { $0.perplexity?.bitsPerByte.map { "\(Figures.fixed($0, 4))" } },
        row("word perplexity") { $0.perplexity?.wordPerplexity.map { "\(Figures.fixed($0, 1))" } },
        row("closed of the gap", "control to teacher, in nats, paired") { model in
          model.statistics?.gapClosed.map { Figures.estimate(100 * $0.mean, 100 * $0.standardError, unit: "\u{202F}%") }
        },
      ].compactMap(\.self)
    )
  }

  private var closeness: (name: String, rows: [Row]) {
    let percentiles: [(String, KeyPath<Percentiles, Double>)] = [
      ("median", \.median), ("90 % of tokens below", \.p90), ("95 % of tokens below", \.p95),
      ("99 % of tokens below", \.p99), ("99.9 % of tokens below", \.p999),
    ]
    return (
      "Closeness to the teacher",
      [row("KL divergence, mean", "nats per token") { $0.estimate(\.klDivergence) }].compactMap(\.self)
        + percentiles.compactMap { name, path in
          row("KL, \(name)") { $0.statistics.map { "\(Figures.fixed($0.klDivergencePercentiles[keyPath: path], 4))" } }
        }
        + [
          row("same top token", "share of tokens") { $0.estimate(\.sameTopToken, scale: 100, unit: "\u{202F}%") },
          row("speculative acceptance", "Σ min(p, q)") {
            $0.estimate(\.speculativeAcceptance, scale: 100, unit: "\u{202F}%")
          },
        ].compactMap(\.self)
    )
  }

  private var cost: (name: String, rows: [Row]) {
    (
      "Size and speed",
      [
        row("family") { $0.configuration.map { "\($0.family)" } },
        row("layers") { $0.configuration.map { "\(Figures.count($0.layerCount))" } },
        row("width", "hidden size") { $0.configuration.map { "\(Figures.count($0.hiddenSize))" } },
        row("feed-forward width") { $0.configuration.map { "\(Figures.count($0.feedForwardSize))" } },
        row("heads", "queries / keys and values") {
          $0.configuration.map { "\(Figures.count($0.headCount)) / \(Figures.count($0.keyValueHeadCount))" }
        },
        row("parameters") { model in
          (model.size?.parameters ?? model.run?.manifest.parameters["total"]).map { "\(Figures.count($0))" }
        },
        row("without embedding and head") { $0.size.map { "\(Figures.count($0.nonEmbeddingParameters))" } },
        row("size of the weights") { $0.size.map { "\(Figures.bytes($0.weightBytes))" } },
        row("generation", "tokens/s, one text") { model in
          model.size?.generatedTokensPerSecond.map { "\(Figures.count(Int($0)))" }
        },
      ].compactMap(\.self)
    )
  }

  private var training: (name: String, rows: [Row]) {
    (
      "Training",
      [
        row("tokens") { $0.run.map { "\(Figures.count($0.tokensSeen))" } },
        row("steps") { $0.run.map { "\(Figures.count($0.stepCount))" } },
        row("time") { $0.run.map { "\(Figures.time($0.seconds))" } },
        row("speed", "tokens/s") { model in
          model.run.flatMap { $0.seconds > 0 ? "\(Figures.count(Int(Double($0.tokensSeen) / $0.seconds)))" : nil }
        },
        row("peak memory") { $0.run?.manifest.result?.peakMemoryBytes.map { "\(Figures.bytes($0))" } },
      ].compactMap(\.self) + objective
    )
  }
}

// MARK: - What was minimised

extension ReportPage {
  /// What each run learnt from, and how.
  private var objective: [Row] {
    func words(_ name: String, _ text: (ReportedModel) -> String?) -> Row? {
      row(name) { model in text(model).map { "<span class=\"words\">\($0)</span>" } }
    }
    return [
      words("objective") { model in
        let inputs = model.run?.manifest.inputs
        return inputs?["objective"] ?? (inputs?["command"] == "train" ? "cross-entropy with the text" : nil)
      },
      words("hidden states") { $0.run?.manifest.inputs["hidden_states"] },
      words("teacher’s predictions") { model in
        guard let inputs = model.run?.manifest.inputs, inputs["teacher"] != nil else { return nil }
        let source = inputs["teacher_cache"] == nil ? "computed" : "from a cache"
        let limits = [("first", model.setting("distil-first")), ("last", model.setting("distil-last"))]
        for case (let end, let count?) in limits {
          return "\(source), in the \(end) \(count) \(count.hasSuffix("%") ? "of the steps" : "steps")"
        }
        return source == "computed" ? "computed in each step" : source
      },
      words("on-policy") { $0.run?.manifest.inputs["on_policy"] },
      words("counted") { $0.setting("count") == "prompts" ? "prompts and completions" : nil },
      words("packing") { $0.packing },
      words("learning rate") { $0.learningRate },
    ].compactMap(\.self)
  }
}

extension ReportedModel {
  /// Where the training text was cut, and whether sequences begin with BOS.
  fileprivate var packing: String? {
    guard let run else { return nil }
    let cuts = setting("packing") ?? (run.manifest.inputs["teacher_cache"] == nil ? "shifted" : "fixed")
    return setting("no-sequence-bos") == "true" ? "\(cuts), no BOS in front" : cuts
  }

  /// The highest learning rate, and how it rises and falls.
  fileprivate var learningRate: String? {
    setting("learning-rate").map { peak in
      var text = peak
      if let schedule = setting("schedule") { text += ", \(schedule)" }
      if setting("schedule") != "constant", let ratio = setting("minimum-learning-rate-ratio") {
        text += " to \(ratio) of it"
      }
      if let steps = setting("warmup-steps"), steps != "0" { text += ", after \(steps) steps of warm-up" }
      return text
    }
  }

  fileprivate func estimate(
    _ value: KeyPath<StudentStatistics, Estimate>, scale: Double = 1, unit: String = ""
  ) -> Markup? {
    statistics.map {
      Figures.estimate(
        scale * $0[keyPath: value].mean, scale * $0[keyPath: value].standardError, unit: unit)
    }
  }
}

extension ReportedModel.Role {
  /// As the reader knows it.
  var title: String {
    switch self {
    case .teacher: "teacher"
    case .control: "control"
    case .student: "student"
    case .baseline: "trained on text"
    }
  }
}
