import Foundation
import Testing

extension CommandTests {
  /// `limbeck search`.
  @Suite struct Searches {
    private let desk: Desk

    /// A teacher of three layers, called "deep".
    init() throws {
      desk = try Desk()
      try desk.makeTeacher("deep", layers: 3)
    }

    private func arguments(steps: Int = 4) -> [String] {
      [
        "search", "--teacher", "deep", "--text", desk.workspace.text, "--validation-text", desk.workspace.heldOut,
        "--parameters", "8K..30K", "--runs", "4", "--steps", "\(steps)", "--batch-size", "4", "--sequence-length",
        "16", "--learning-rate", "5e-3", "--output", "found",
      ]
    }

    private struct Table: Decodable {
      struct Row: Decodable {
        let folder: String
        let parameters: Int
        let tokensPerSecond, natsPerToken, perplexity: Double
        let isOnFront: Bool
      }
      let runs: [Row]
    }

    private func table(_ outcome: Outcome) throws -> [Table.Row] {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      return try decoder.decode(Table.self, from: Data(outcome.output.utf8)).runs
    }

    @Test func everySizeIsTriedOnceAndTheFrontTold() throws {
      let outcome = try Command.run(arguments(), in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("perplexity") && outcome.output.contains("*"), "\(outcome.output)")
      #expect(outcome.errors.contains("0 of 4 runs done, about 0:"))
      #expect(outcome.errors.contains("Ctrl-C stops; the same command goes on"))
      #expect(outcome.errors.contains("as a page: limbeck report found/run-* --output report.html"))
      let again = try Command.run(arguments() + ["--json"], in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(!again.errors.contains("$ limbeck"))
      let rows = try table(again)
      #expect(rows.map(\.folder).sorted() == (1...4).map { "found/run-0\($0)" })
      #expect(rows.map(\.parameters) == rows.map(\.parameters).sorted() && Set(rows.map(\.parameters)).count > 2)
      #expect(rows.allSatisfy { (5_600...30_000).contains($0.parameters) && $0.tokensPerSecond > 0 })
      let best = try #require(rows.min { $0.natsPerToken < $1.natsPerToken })
      #expect(rows[0].isOnFront && best.isOnFront && abs(log(best.perplexity) - best.natsPerToken) < 1e-9)
      // other options are another search
      let other = try Command.run(arguments(steps: 5), in: desk.folder)
      #expect(other.code == 1 && other.errors.contains("it is not a search with these options"), "\(other.errors)")
      let report = try Command.run(
        ["report"] + rows.map(\.folder) + ["--sample-tokens", "4", "--output", "page.html"], in: desk.folder)
      #expect(report.code == 0, "\(report.errors)")
      #expect(try desk.text("page.html").contains("Size against perplexity"))
    }

    @Test func whatWasInterruptedGoesOnToTheSameBits() throws {
      let command = try Command(arguments(steps: 150), in: desk.folder)
      try command.send(SIGINT, when: desk.path("found/run-02/metrics.jsonl"))
      let stopped = try command.outcome()
      #expect(stopped.code == 130, "\(stopped.errors)")
      #expect(stopped.errors.contains("1 of 4 runs are done; the same command goes on"))
      let rest = try Command.run(arguments(steps: 150), in: desk.folder)
      try #require(rest.code == 0, "\(rest.errors)")
      #expect(rest.errors.contains("$ limbeck distill --output found/run-02 --resume"))
      let found = try desk.data("found/run-02/model.safetensors")
      try FileManager.default.removeItem(atPath: desk.path("found/run-02"))
      try #require(Command.run(arguments(steps: 150), in: desk.folder).code == 0)
      #expect(try desk.data("found/run-02/model.safetensors") == found)
    }

    @Test func whatDivergesIsTheWorstAndNoEnd() throws {
      let outcome = try Command.run(
        arguments() + ["--learning-rate", "1e30", "--runs", "2", "--json"], in: desk.folder)
      #expect(outcome.code == 1 && outcome.output.isEmpty, "\(outcome.output)")
      #expect(outcome.errors.contains("found/run-02: ") && outcome.errors.contains("it counts as the worst"))
      #expect(
        outcome.errors.contains("--learning-rate: expected one with which a loss stays finite, found 1e+30; all 2"),
        "\(outcome.errors)")
    }

    @Test func aTextThatIsTooShortNamesItsFlag() throws {
      _ = try desk.write("The old fox.", to: "short.txt")
      let outcome = try Command.run(
        arguments().map { $0 == desk.workspace.text ? "short.txt" : $0 }, in: desk.folder)
      #expect(outcome.code == 1 && outcome.errors.contains("give more --text\n"), "\(outcome.errors)")
    }

    @Test func freshStudentsHaveRandomWeights() throws {
      let outcome = try Command.run(arguments() + ["--start", "fresh", "--runs", "2"], in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("--student found/start-01.json") && !outcome.errors.contains("limbeck student"))
    }

    @Test(arguments: [
      (["--parameters", "30K..8K"], 64, "parameters"), (["--parameters", "30K"], 64, "parameters"),
      (["--parameters", "1..2"], 64, "parameters"),
      (["--parameters", "8K..30M"], 1, "--parameters: expected from"),
      (["--parameters", "1K..30K"], 1, "--parameters: expected from"),
      (["--runs", "1"], 64, "--runs: expected from 2 to 1000, found 1"),
      (["--steps", "0"], 64, "--steps: expected from 1"),
      (["--batch-size", "0"], 64, "--batch-size"), (["--learning-rate", "nan"], 64, "--learning-rate"),
      (["--hard-label-weight", "2"], 64, "--hard-label-weight: expected from 0 to 1"),
      (["--teacher", "none"], 1, "none"), (["--sequence-length", "65"], 1, "sequence-length: expected at most 64"),
    ])
    func badSearches(_ flags: [String], _ code: Int32, _ text: String) throws {
      let outcome = try Command.run(arguments() + flags, in: desk.folder)
      #expect(outcome.code == code && outcome.errors.contains(text), "\(outcome.errors)")
      #expect(!desk.exists("found"))
    }
  }
}
