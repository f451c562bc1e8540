import Foundation
import LanguageModels
import ModelEvaluation
import ModelTraining
import TensorCore
import TestSupport
import Testing

@testable import DistillationReport

@Suite("The page of a report")
struct ReportPageTests {
  private static let hostile = "<script>alert(\"x\")</script>'&"

  /// A run's folder with a few steps and evaluations.
  private static func run(
    in folder: TemporaryFolder, _ name: String, finished: Bool = true, divergence: Bool = true
  ) throws -> RunRecord {
    let lines = (1...40).map { step in
      let loss = 4 + 3 / Double(step)
      return "{\"kind\":\"step\",\"step\":\(step),\"tokens\":64,\"loss\":\(loss / 2),\"cross_entropy\":\(loss),"
        + (divergence ? "\"divergence\":\(loss / 4)," : "")
        + "\"gradient_norm\":1,\"learning_rate\":0.001,\"tokens_seen\":\(64 * step),\"tokens_per_second\":100,"
        + "\"seconds\":\(Double(step) / 2)}\n"
        + (step.isMultiple(of: 20)
          ? "{\"kind\":\"evaluation\",\"step\":\(step),\"tokens\":50,\"loss\":2,\"cross_entropy\":\(loss + 0.2),"
            + "\"entropy\":3.125,"
            + (divergence ? "\"divergence\":1,\"kl_divergence\":0.8125,\"teacher_entropy\":2.875," : "")
            + "\"perplexity\":\(exp(loss + 0.2)),\"seconds\":\(step)}\n" : "")
    }
    let result = """
      ,"result":{"finished":"2026-01-02T00:00:00Z","steps":40,"tokens_seen":2560,"seconds":20,
       "peak_memory_bytes":1048576}
      """
    try folder.write(
      """
      {"version":"limbeck 0.1.0","created":"2026-01-01T00:00:00Z","parameters":{"total":12},
       "inputs":{"teacher":"x","objective":"\(hostile.replacing("\"", with: "\\\""))"}\(finished ? result : "")}
      """, to: "\(name)/run.json")
    try folder.write(lines.joined(), to: "\(name)/metrics.jsonl")
    return try #require(try RunRecord(ofRun: folder.file(name)))
  }

  private static func model(
    _ role: ReportedModel.Role, _ name: String, _ run: RunRecord? = nil, _ statistics: StudentStatistics? = nil,
    settings: [ReportedModel.Setting] = [.init(key: "steps", value: "40"), .init(key: hostile, value: hostile)]
  ) -> ReportedModel {
    ReportedModel(
      role: role, folder: "runs/\(name)", run: run, settings: run == nil ? [] : settings,
      size: .init(
        parameters: 12_345, nonEmbeddingParameters: 1_234, weightBytes: 49_380, generatedTokensPerSecond: 1_000),
      perplexity: statistics?.perplexity, statistics: statistics)
  }

  /// Teacher, control and as many students, measured.
  private static func report(
    students count: Int, control hasControl: Bool = true, in folder: TemporaryFolder
  ) throws -> DistillationReport {
    let teacher = smallDecoder(seed: 1)
    let deviations: [Float] = (hasControl ? [0.2] : []) + (0..<count).map { 0.02 * Float($0 + 1) }
    // from the teacher's own distribution, so that nobody predicts it better
    let text = EvaluationText(documents: [sampled(from: teacher, count: 400)], byteCount: 900, wordCount: 100)
    let tokens = try TokenComparison(
      teacher: teacher, students: deviations.map { neighbour(of: teacher, by: $0, seed: 5) }, on: text, window: 16)
    let comparison = TeacherStudentComparison(tokens, control: hasControl ? 0 : nil)
    var models = [model(.teacher, "teacher")]
    models[0].perplexity = comparison.teacher
    for (index, statistics) in comparison.students.enumerated() {
      let isControl = hasControl && index == 0
      let name = isControl ? "control" : "student-\(index)"
      models.append(
        model(isControl ? .control : .student, name, try run(in: folder, name, divergence: !isControl), statistics))
    }
    let passage = ComparedPassage(
      position: 16,
      tokens: [hostile, "\n", "", " plain"].enumerated().map { index, text in
        .init(
          text: text, teacherProbability: 0.5, teacherTop: hostile,
          students: comparison.students.map { _ in
            .init(divergence: [2, 0.2, 0.05, 0][index], probability: 0.25, top: hostile)
          })
      })
    return DistillationReport(
      program: hostile, created: Date(timeIntervalSince1970: 0), models: models,
      evaluation: .init(text: hostile, tokens: 400, window: 16, passage: passage),
      samples: [.init(prompt: hostile, original: hostile, continuations: models.map { _ in hostile })],
      remarks: [hostile])
  }

  private static func sampled(from decoder: any DecoderModel, count: Int) -> [Int32] {
    let decoder = decoder.frozen()
    var generator = SeededGenerator(seed: 3)
    var ids: [Int32] = []
    while ids.count < count {
      let logits = decoder.logits(decoder.hiddenStates([1] + ids.suffix(15), batchSize: 1)).array().suffix(50)
      var left = generator.nextUniform()
      let probabilities = DoubleReference.softmax(logits.map(Double.init))
      ids.append(
        Int32(
          probabilities.firstIndex {
            left -= $0
            return left < 0
          } ?? 49))
    }
    return ids
  }

  /// The names of the elements that are opened and closed; fails where one is closed that is not open.
  private func checkBalance(_ html: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let void: Set<Substring> = ["meta", "br", "line", "circle", "polyline"]
    var open: [Substring] = []
    for match in html.matches(of: /<(\/?)([a-zA-Z][a-zA-Z0-9]*)(?:\s[^<>]*?)?(\/?)>/) {
      let name = match.2
      if match.1 == "/" {
        #expect(open.popLast() == name, sourceLocation: sourceLocation)
      } else if match.3 != "/", name != "meta" {
        open.append(name)
      } else {
        #expect(void.contains(name), "\(name)", sourceLocation: sourceLocation)
      }
    }
    #expect(open.isEmpty, "\(open)", sourceLocation: sourceLocation)
  }

  private func checkSafety(_ html: String, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(!html.lowercased().contains("<script"), sourceLocation: sourceLocation)
    for forbidden in ["http:", "https:", "src=", "url(", "@import", "<link", "javascript:", " onload", " onclick"] {
      #expect(!html.contains(forbidden), "\(forbidden)", sourceLocation: sourceLocation)
    }
    checkBalance(html, sourceLocation: sourceLocation)
  }

  @Test("A whole report has every section, and nothing of what a model or a path says becomes markup")
  func whole() throws {
    let folder = try TemporaryFolder()
    let html = try Self.report(students: 1, in: folder).html
    checkSafety(html)
    for heading in [
      "Result", "Models", "Curves", "Samples", "A passage, token by token", "Recipe", "How to read it",
    ] {
      #expect(html.contains("<h2>\(heading)</h2>"), "\(heading)")
    }
    #expect(html.contains("<h1>student-1, distilled from teacher</h1>"))
    let escaped = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;"
    // title and text of a token, prompts, continuations, settings, remark, text, objective, program
    #expect(html.ranges(of: escaped).count > 20)
    #expect(html.contains("Distillation closed <b class=\"share\">"))
    for row in [
      "perplexity", "bits per byte", "closed of the gap", "KL divergence, mean", "KL, 99 % of tokens below",
      "same top token", "speculative acceptance", "parameters", "size of the weights", "generation", "peak memory",
      "time",
    ] {
      #expect(html.contains("<th scope=\"row\">\(row)"), "\(row)")
    }
    #expect(html.contains("KL 2.000 nats; teacher 50.0\u{202F}%, model 25.0\u{202F}%; top tokens: teacher “"))
    #expect(html.contains("k k4") && html.contains("k k2") && html.contains("k k1") && html.contains("k k0"))
    #expect(html.contains("↵") && html.contains("◦"))
  }

  @Test("Evaluations show what runs of any objective can be compared by, and losses stand against the clock, too")
  func comparableCurves() throws {
    let folder = try TemporaryFolder()
    var report = try Self.report(students: 1, in: folder)
    report.models[2].settings = [.init(key: "distil-first", value: "30%")]
    let html = report.html
    checkSafety(html)
    let headings = html.matches(of: /<figcaption><b>([^<]+)<\/b>/).map { String($0.1) }
    #expect(
      headings == [
        "Cross-entropy, validation text", "Cross-entropy, training text", "Divergence from the teacher",
        "KL divergence from the teacher, validation text", "Entropy of the predictions, validation text",
        "Loss, as minimised", "Cross-entropy, validation text, over time", "Cross-entropy, training text, over time",
        "KL divergence from the teacher, over time",
      ])
    #expect(html.contains("dotted: the teacher") && html.contains("teacher of student-1: 2.8750</title>"))
    // the control has an entropy, and no teacher
    let rows = html.matches(of: /<td>40<\/td>(?:<td>[^<]*<\/td>){2}((?:<td>[^<]*<\/td>){4})/).map { String($0.1) }
    let expected = [["–", "–", "3.1250", "–"], ["1.0000", "0.8125", "3.1250", "2.8750"]]
    #expect(rows == expected.map { $0.map { "<td>\($0)</td>" }.joined() })
    #expect(html.contains("computed, in the first 30% of the steps"))
  }

  @Test("Three students have a column, a colour and a result each")
  func three() throws {
    let folder = try TemporaryFolder()
    let html = try Self.report(students: 3, in: folder).html
    checkSafety(html)
    #expect(html.contains("<h1>3 students of teacher</h1>"))
    #expect(html.ranges(of: "<article class=\"result").count == 3)
    #expect(html.contains(".m2{--series:var(--hue0)") && html.contains(".m4{--series:var(--hue2)"))
  }

  @Test("Without a control the page says what it cannot know")
  func noControl() throws {
    let folder = try TemporaryFolder()
    let html = try Self.report(students: 1, control: false, in: folder).html
    checkSafety(html)
    #expect(html.contains("There is no control"))
    #expect(!html.contains("closed of the gap") && !html.contains("class=\"meter\""))
  }

  @Test("Without a text there are curves and recipes; of one run there is no comparison")
  func noText() throws {
    let folder = try TemporaryFolder()
    let run = try Self.run(in: folder, "alone", divergence: false)
    let html = DistillationReport(program: "limbeck", models: [Self.model(.baseline, "alone", run)]).html
    checkSafety(html)
    #expect(html.contains("<h1>alone</h1>") && html.contains("not measured on any text"))
    #expect(html.contains("<h2>Curves</h2>") && html.contains("<h2>Recipe</h2>"))
    #expect(!html.contains("<h2>Result</h2>") && !html.contains("<h2>Samples</h2>"))
    #expect(!html.contains("Divergence from the teacher") && html.contains("Loss, as minimised"))
  }

  @Test("An unfinished run is named as one")
  func unfinished() throws {
    let folder = try TemporaryFolder()
    let run = try Self.run(in: folder, "begun", finished: false)
    var model = Self.model(.student, "begun", run)
    model.size = nil
    let html = DistillationReport(program: "limbeck", models: [model]).html
    checkSafety(html)
    #expect(html.contains("begun is unfinished and has no checkpoint yet"))
    #expect(html.contains("student, unfinished"))
    #expect(html.contains("<h2>Curves</h2>"))
  }
}
