import Foundation
import ModelTraining

extension DistillationReport {
  /// The report as one HTML file: styles and drawings are inside, nothing is loaded, nothing is run.
  public var html: String { ReportPage(self).document.text }
}

/// A report on its way to HTML. Each section has a file of its own.
struct ReportPage {
  let report: DistillationReport
  /// What each model is called.
  let names: [String]

  init(_ report: DistillationReport) {
    self.report = report
    names = Self.shortNames(of: report.models.map(\.folder))
  }

  /// The whole document.
  var document: Markup {
    let sections = [summary, front, modelTable, tasks, roundings, curves, samples, passage, recipes, methods]
      .compactMap(\.self)
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <meta name="color-scheme" content="light dark">
      <title>\(title) – distillation report</title>
      <style>
      \(Self.stylesheet)
      \(modelColours)
      </style>
      </head>
      <body>
      <header>
      <p class="kicker">Distillation report</p>
      <h1>\(title)</h1>
      <p class="facts">\(facts)</p>
      \(remarks)
      </header>
      <main>
      \(sections)
      </main>
      <footer><p>Made by \(report.program).</p></footer>
      </body>
      </html>

      """
  }

  /// Stands where a model has no value.
  static let dash: Markup = "<span class=\"none\">\(Figures.unknown)</span>"

  /// The places of the models in the report that have a role.
  func models(_ roles: ReportedModel.Role...) -> [Int] {
    report.models.indices.filter { roles.contains(report.models[$0].role) }
  }

  /// A section with its heading.
  func section(_ heading: String, _ content: Markup) -> Markup {
    "<section>\n<h2>\(heading)</h2>\n\(content)\n</section>\n"
  }

  /// A model's name with its colour.
  func label(_ index: Int) -> Markup {
    "<span class=\"model m\(index)\"><span class=\"swatch\"></span>\(names[index])</span>"
  }

  /// A model's name and what it is to the others, which is not said twice.
  func nameAndRole(_ index: Int) -> String {
    let role = report.models[index].role.title
    return names[index] == role ? role : "\(names[index]), \(role)"
  }

  private var title: String {
    let (students, teacher) = (models(.student), models(.teacher).first)
    if let teacher, students.count == 1 { return "\(names[students[0]]), distilled from \(names[teacher])" }
    if let teacher, !students.isEmpty { return "\(students.count) students of \(names[teacher])" }
    return report.models.count == 1 ? names[0] : "\(report.models.count) models"
  }

  private var facts: Markup {
    var facts = [Markup(report.created.formatted(.iso8601.year().month().day()))]
    if let evaluation = report.evaluation {
      facts.append(
        """
        measured on \(Figures.count(evaluation.tokens)) tokens of <span class="path">\(evaluation.text)</span> in \
        windows of \(Figures.count(evaluation.window))
        """)
    } else {
      facts.append("not measured on any text: none was given, and no run names one")
    }
    return facts.dropFirst().reduce(facts[0]) { "\($0) · \($1)" }
  }

  private var remarks: Markup {
    let unfinished = report.models.indices.filter { report.models[$0].isUnfinished }.map { index in
      let run = report.models[index].run
      return run?.newestCheckpoint.map {
        "\(names[index]) is unfinished: it is shown as of its newest checkpoint, after \(Figures.count($0.step)) steps."
      } ?? "\(names[index]) is unfinished and has no checkpoint yet: only its curves can be shown."
    }
    return (unfinished + report.remarks).reduce(.none) { "\($0)<p class=\"remark\">\($1)</p>\n" }
  }

  /// One colour a role, and one a student; where these run out, dashes tell them apart.
  private var modelColours: Markup {
    let dashes = ["none", "7 3", "2 3"]
    var students = 0
    return report.models.indices.reduce(.none) { rules, index in
      let (colour, dash): (String, String)
      switch report.models[index].role {
      case .teacher: (colour, dash) = ("teacher", "none")
      case .control: (colour, dash) = ("control", "5 3")
      case .student, .baseline:
        (colour, dash) = ("hue\(students % 6)", dashes[students / 6 % dashes.count])
        students += 1
      }
      return "\(rules).m\(index){--series:var(--\(colour));--dash:\(dash)}\n"
    }
  }

  /// The fewest last components of each path that tell it from all others.
  static func shortNames(of paths: [String]) -> [String] {
    let parts = paths.map { $0.split(separator: "/").map(String.init) }
    return parts.indices.map { index in
      let own = parts[index]
      let length = (1...max(1, own.count)).first { length in
        !parts.indices.contains { $0 != index && parts[$0].suffix(length) == own.suffix(length) }
      }
      return own.isEmpty ? paths[index] : own.suffix(length ?? own.count).joined(separator: "/")
    }
  }
}
