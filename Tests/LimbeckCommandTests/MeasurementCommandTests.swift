import Foundation
import Testing

@testable import LimbeckCommand
@testable import ModelEvaluation

extension CommandTests {
  @Suite struct MeasurementCommand {
    /// Validation, `perplexity`, `compare` and the report measure one thing: the same number for the same text.
    @Test func allCommandsFindTheSamePerplexity() throws {
      let desk = try Desk()
      // backwards, so that no row is part of the training text
      let words = try String(contentsOfFile: desk.workspace.heldOut, encoding: .utf8)
        .split(whereSeparator: \.isWhitespace).reversed().map(String.init)
      let rows = (0..<9).map { row in words[(20 * row)..<(20 * row + 8 + row)].joined(separator: " ") }
      func quoted(_ text: String) throws -> String { try StandardOutput.json(text) }
      let texts = try rows.map { "{\"text\": \(try quoted($0))}\n" }.joined()
      let pairs = try rows.map { row in
        "{\"prompt\": \(try quoted(String(row.prefix(12)))), "
          + "\"completion\": \(try quoted(String(row.dropFirst(12))))}\n"
      }.joined()
      try texts.write(toFile: desk.path("rows.jsonl"), atomically: true, encoding: .utf8)
      try pairs.write(toFile: desk.path("pairs.jsonl"), atomically: true, encoding: .utf8)
      var tokens: [Int] = []
      for (name, text, count) in [
        ("plain", desk.workspace.heldOut, "completions"), ("rows", "rows.jsonl", "completions"),
        ("pairs", "pairs.jsonl", "completions"), ("prompts", "pairs.jsonl", "prompts"),
      ] {
        let trained = try Command.run(
          "train", "--model", desk.workspace.teacher, "--text", desk.workspace.text, "--validation-text", text,
          "--count", count, "--output", name, "--steps", "1", "--batch-size", "2", "--sequence-length", "16",
          "--learning-rate", "1e-3", in: desk.folder)
        try #require(trained.code == 0, "\(trained.errors)")
        let line = try #require(desk.text("\(name)/metrics.jsonl").split(separator: "\n").last)
        let validated = try #require(
          try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let nats = try #require(validated["cross_entropy"] as? Double)
        let measured = try Command.run(
          "perplexity", "--model", name, "--text", text, "--count", count, "--json", in: desk.folder)
        let alone = try #require(
          try JSONSerialization.jsonObject(with: Data(measured.output.utf8)) as? [String: Double])
        #expect(measured.errors.contains("windows of 16 tokens, the sequence length of \(name)"))
        #expect(alone["tokens"] == validated["tokens"] as? Double)
        #expect(abs(try #require(alone["nats_per_token"]) - nats) < 1e-9)
        tokens.append(Int(alone["tokens"] ?? 0))
        let compared = try Command.run(
          "compare", "--teacher", desk.workspace.teacher, "--student", name, "--text", text, "--count", count,
          in: desk.folder)
        try #require(compared.code == 0, "\(compared.errors)")
        #expect(compared.output.hasPrefix("\(Format.count(tokens.last ?? 0)) tokens in windows of 16\n"))
        #expect(compared.output.contains(Format.fixed(nats, 4)))
        let reported = try Command.run("report", name, "--output", "\(name).html", in: desk.folder)
        try #require(reported.code == 0, "\(reported.errors)")
        let page = try desk.text("\(name).html")
        #expect(page.contains("measured on \(Format.count(tokens.last ?? 0)) tokens"))
        #expect(page.contains("<td>\(Format.fixed(nats, 4))</td>"))
      }
      #expect(tokens[2] < tokens[3])
    }

    /// The report reads rows as its runs do, and measures what they held out.
    @Test func theReportMeasuresWhatRunsHeldOut() throws {
      let desk = try Desk()
      let rows = (1...40).map { "{\"q\": \"In year \($0)\", \"a\": \" the sea was \($0 % 7) feet deep.\"}\n" }.joined()
      try rows.write(toFile: desk.path("rows.jsonl"), atomically: true, encoding: .utf8)
      let trained = try Command.run(
        "train", "--model", desk.workspace.teacher, "--text", "rows.jsonl", "--prompt-field", "q", "--completion-field",
        "a", "--validation-share", "0.25", "--seed", "3", "--output", "run", "--steps", "1", "--batch-size", "2",
        "--sequence-length", "16", "--learning-rate", "1e-3", in: desk.folder)
      try #require(trained.code == 0, "\(trained.errors)")
      let line = try #require(desk.text("run/metrics.jsonl").split(separator: "\n").last)
      let validated = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let reported = try Command.run("report", "run", "--output", "run.html", in: desk.folder)
      try #require(reported.code == 0, "\(reported.errors)")
      let page = try desk.text("run.html")
      #expect(page.contains("measured on \(Format.count(validated["tokens"] as? Int ?? 0)) tokens of"))
      #expect(page.contains("held out of rows.jsonl"))
      let perplexity = exp(try #require(validated["cross_entropy"] as? Double))
      #expect(page.contains(String(Format.fixed(perplexity, 6).prefix(3))))
    }

    @Test func aValidationTextOfPromptsIsRefusedBeforeTheRunBegins() throws {
      let desk = try Desk()
      try "{\"prompt\": \"The old\", \"completion\": \"\"}\n".write(
        toFile: desk.path("prompts.jsonl"), atomically: true, encoding: .utf8)
      let outcome = try desk.train("run", "--validation-text", desk.path("prompts.jsonl"))
      #expect(outcome.code != 0)
      #expect(!desk.exists("run"))
    }

    @Test func aComparisonIsAsWideAsTheScreen() throws {
      let statistics = try Self.comparison()
      let models = ["runs/teacher", "runs/student", "runs/control"].map {
        ComparedModel(
          folder: $0, parameters: 1_328_256, nonEmbeddingParameters: 800_000, weightBytes: 5_000_000,
          generatedTokensPerSecond: nil)
      }
      let table = ComparisonTable(models, statistics, window: 16, withPercentiles: false)
      let wide = table.text(columns: nil)
      #expect(table.text(columns: 200) == wide)
      #expect(wide.split(separator: "\n").map(\.count).max() ?? 0 > 80)
      let narrow = table.text(columns: 50)
      #expect(narrow.split(separator: "\n").allSatisfy { $0.count <= 50 })
      for name in ["runs/teacher, the teacher", "runs/student", "runs/control"] {
        #expect(narrow.contains("\n\(name)\n"))
      }
      #expect(narrow.contains("  same top token, %"))
    }

    @Test func aComparisonInAFileHasShortNames() throws {
      let models = ["teacher", "student", "control-of-seed-1"].map {
        ComparedModel(
          folder: "/home/someone/experiments/books/runs/\($0)", parameters: 1, nonEmbeddingParameters: 1,
          weightBytes: 1, generatedTokensPerSecond: nil)
      }
      let text = ComparisonTable(models, try Self.comparison(), window: 16, withPercentiles: false).text(columns: nil)
      let lines = text.split(separator: "\n")
      #expect(lines.allSatisfy { $0.count <= 100 }, "\(text)")
      #expect(lines[1].split(separator: " ") == ["teacher", "student", "control-of-seed-1"])
      #expect(ShortNames.of(["a/very/long/path/of/one-model-x", "b"], length: 10) == ["…e-model-x", "b"])
      #expect(ShortNames.of(["runs/a", "runs/b"], length: 10) == ["runs/a", "runs/b"])
      // what would be one name stays as it is
      let alike = ["x/1/the-same-model", "y/1/the-same-model"]
      #expect(ShortNames.of(alike, length: 10) == alike)
    }

    /// Without --text, models are measured on what their runs held out, whoever asks.
    @Test func withoutATextTheRunsOwnIsMeasured() throws {
      let desk = try Desk()
      for (name, flags) in [
        ("share", ["--validation-share", "0.25", "--seed", "3"]),
        ("text", ["--validation-text", desk.workspace.heldOut]),
        ("none", []),
      ] {
        let trained = try desk.train(name, ["--learning-rate", "1e-3", "--steps", "1"] + flags)
        try #require(trained.code == 0, "\(trained.errors)")
      }
      for name in ["share", "text"] {
        let line = try #require(desk.text("\(name)/metrics.jsonl").split(separator: "\n").last)
        let found = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let nats = Format.fixed(try #require(found["cross_entropy"] as? Double), 4)
        let alone = try Command.run("perplexity", "--model", name, in: desk.folder)
        try #require(alone.code == 0, "\(alone.errors)")
        #expect(alone.output.contains(nats.prefix(6)) && alone.errors.contains("text: "), "\(alone.output) \(nats)")
        let compared = try Command.run(
          "compare", "--teacher", desk.workspace.teacher, "--student", name, in: desk.folder)
        try #require(compared.code == 0, "\(compared.errors)")
        #expect(compared.output.contains(nats), "\(compared.output)")
      }
      let refused = try Command.run(
        "compare", "--teacher", desk.workspace.teacher, "--student", "none", in: desk.folder)
      #expect(refused.code == 64)
      #expect(refused.errors.contains("--text: expected text to measure on, found none"), "\(refused.errors)")
    }

    private static func comparison() throws -> TeacherStudentComparison {
      let json = """
        {"teacher": PERPLEXITY, "students": [STUDENT, STUDENT]}
        """
      let estimate = #"{"mean": 0.1234, "standard_error": 0.0012}"#
      let percentiles = ["maximum", "p99_9", "p99", "p95", "p90", "median", "p10", "p5", "p1", "minimum"].map {
        "\"\($0)\": 0.5"
      }.joined(separator: ", ")
      let perplexity = """
        {"tokens": 900, "nats_per_token": 4.9, "perplexity": 137.3712, "perplexity_standard_error": 1.2345,
         "bits_per_byte": 2.1, "word_perplexity": 3456.7}
        """
      let estimates = [
        "log_perplexity_ratio", "perplexity_ratio", "kl_divergence", "probability_difference",
        "probability_difference_rms", "same_top_token", "speculative_acceptance",
      ].map { "\"\($0)\": \(estimate)" }.joined(separator: ", ")
      let student = """
        {"perplexity": \(perplexity), \(estimates), "kl_divergence_percentiles": {\(percentiles)},
         "probability_difference_percentiles": {\(percentiles)}}
        """
      let text = json.replacing("PERPLEXITY", with: perplexity).replacing("STUDENT", with: student)
      return try JSONDecoder().decode(TeacherStudentComparison.self, from: Data(text.utf8))
    }
  }
}
