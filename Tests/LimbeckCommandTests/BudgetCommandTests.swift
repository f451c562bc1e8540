import Foundation
import Testing

extension CommandTests {
  /// `limbeck student --parameters`, `--bytes` and `--tokens-per-second`.
  @Suite struct Budgets {
    private let desk: Desk

    /// A teacher of three layers, with a BPE tokenizer, called "deep".
    init() throws {
      desk = try Desk()
      let made = try Command.run(
        "tokenizer", "train", "--text", desk.workspace.text, "--output", "bpe.model", "--vocabulary-size", "300",
        "--algorithm", "bpe", in: desk.folder)
      try #require(made.code == 0, "\(made.errors)")
      try desk.makeTeacher("deep", layers: 3, tokenizer: "bpe.model")
    }

    private func student(_ flags: String...) throws -> Outcome {
      try Command.run(
        ["student", "--from", "deep", "--calibration-text", desk.workspace.text, "--calibration-tokens", "2048"]
          + flags, in: desk.folder)
    }

    private func parameters(_ model: String) throws -> Int {
      let outcome = try Command.run("inspect", model, "--json", in: desk.folder)
      let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
      let sizes = object?["sizes"] as? [String: Any] ?? object
      return try #require(sizes?["parameters"] as? Int, "\(outcome.output)")
    }

    @Test func theShapeThatIsFoundCanBeMadeByHand() throws {
      let outcome = try student("--parameters", "26K", "--trial-steps", "4", "--output", "found")
      try #require(outcome.code == 0, "\(outcome.errors)")
      let count = try parameters("found")
      #expect(count <= 26_000 && count >= 22_100)
      #expect(outcome.output.contains("shapes tried"))
      let line = try #require(outcome.errors.split(separator: "\n").first { $0.hasPrefix("  limbeck student") })
      let again = try Command.shell(
        "\"$\(line.trimmingCharacters(in: .whitespaces))".replacing("$limbeck ", with: "$limbeck\" ")
          .replacing("--output found", with: "--output again"), in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("again/model.safetensors") == desk.data("found/model.safetensors"))
    }

    @Test func aStudentIsOneObject() throws {
      let outcome = try student("--parameters", "26K", "--trial-steps", "2", "--output", "found", "--json")
      try #require(outcome.code == 0, "\(outcome.errors)")
      let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
      #expect(object["parameters"] as? Int == (try parameters("found")))
      let trials = try #require(object["trials"] as? [[String: Any]])
      #expect((trials.first?["shape"] as? [String: Any])?["hidden_size"] is Int, "\(outcome.output)")
      #expect((object["budget"] as? [String: Any])?["limit"] as? Double == 26_000)
      #expect(trials.allSatisfy { ($0["cost"] as? Double ?? .infinity) <= 26_000 })
      let both = try student("--parameters", "26K", "--output", "other", "--json", "--quiet")
      #expect(both.code != 0 && both.errors.contains("json: expected nothing with --quiet"), "\(both.errors)")
    }

    @Test func theExportedFileKeepsToItsBytes() throws {
      let whole = try Command.run(
        "export", "--model", "deep", "--output", "deep.gguf", "--type", "q8_0", in: desk.folder)
      try #require(whole.code == 0, "\(whole.errors)")
      let limit = try desk.data("deep.gguf").count * 4 / 5
      let outcome = try student(
        "--bytes", "\(limit)", "--type", "q8_0", "--trial-steps", "2", "--output", "found")
      try #require(outcome.code == 0, "\(outcome.errors)")
      let export = try Command.run(
        "export", "--model", "found", "--output", "found.gguf", "--type", "q8_0", in: desk.folder)
      try #require(export.code == 0, "\(export.errors)")
      let size = try desk.data("found.gguf").count
      #expect(size <= limit && size > limit * 3 / 4)
    }

    @Test func roundsAreMadeOnceAndGoOn() throws {
      let flags = ["--parameters", "18K", "--rounds", "2", "--trial-steps", "2", "--output", "small"]
      let alone = try student("--parameters", "18K", "--output", "small")
      #expect(
        alone.code == 1 && alone.errors.contains("give --rounds 1 to cut at once, or --rounds 2"), "\(alone.errors)")
      let arguments =
        ["student", "--from", "deep", "--calibration-text", desk.workspace.text, "--calibration-tokens", "2048"] + flags
      let once = try student("--parameters", "18K", "--rounds", "1", "--trial-steps", "1", "--output", "once")
      #expect(try once.code == 0 && parameters("once") <= 18_000, "\(once.errors)")
      let outcome = try Command.run(arguments + ["--steps", "3"], in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(try parameters("small") <= 18_000)
      #expect(try parameters("small.rounds/student-1") <= 24_000)
      #expect(outcome.errors.contains("$ limbeck distill --teacher deep --student small.rounds/cut-1"))
      try FileManager.default.removeItem(atPath: desk.path("small"))
      let other = try Command.run(arguments + ["--steps", "4"], in: desk.folder)
      #expect(other.code == 1 && other.errors.contains("small.rounds: exists already"), "\(other.errors)")
      let again = try Command.run(arguments + ["--steps", "3"], in: desk.folder)
      #expect(again.code == 0 && !again.errors.contains("$ limbeck distill"), "\(again.errors)")
      #expect(desk.exists("small/model.safetensors"))
    }

    /// Shapes are steps: one may lie below the limits of the rounds behind it.
    @Test func aRoundWhoseBudgetIsMetIsLeftOut() throws {
      let outcome = try student(
        "--parameters", "27K", "--rounds", "12", "--steps", "1", "--trial-steps", "1", "--output", "small")
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("keeps to it already, with "), "\(outcome.errors)")
      #expect(try parameters("small") <= 27_000)
      let last = outcome.errors.split(separator: "\n").last { $0.hasPrefix("$ limbeck student --from small.rounds") }
      #expect(last?.hasSuffix("--output small") == true, "\(outcome.errors)")
    }

    @Test(arguments: [
      (["--parameters", "1M"], 1, "--parameters: expected less than the teacher's"),
      (["--parameters", "1K"], 1, "--parameters: expected at least"),
      (["--parameters", "x"], 64, "parameters"),
      (["--bytes", "20XB"], 64, "bytes"),
      (["--bytes", "-5"], 64, "bytes"),
      (["--bytes", "1"], 1, "--bytes: expected at least"),
      (["--tokens-per-second", "0"], 64, "--tokens-per-second: expected a number above 0, found 0.0"),
      (["--tokens-per-second", "nan"], 64, "--tokens-per-second: expected a number above 0, found nan"),
      (["--tokens-per-second", "1e-6"], 1, "tokens/s, found 1e-06 tokens/s"),
      (["--tokens-per-second", "1e300"], 1, "found 1e+300 tokens/s"),
      (["--tokens-per-second", "1e12"], 1, "--tokens-per-second: expected at most"),
      (["--parameters", "26K", "--bytes", "1MB"], 64, "expected one of --parameters, --bytes"),
      (["--parameters", "26K", "--type", "q8_0"], 64, "--type: expected --bytes"),
      (["--parameters", "26K", "--count", "2"], 64, "expected a budget, which finds the sizes, or sizes, found both"),
      (["--parameters", "26K", "--rounds", "0"], 64, "--rounds: expected from 1"),
      (["--parameters", "26K", "--rounds", "2"], 64, "--steps: expected the steps of distilling"),
      (["--parameters", "26K", "--steps", "2"], 64, "--rounds: expected 2 or more with --steps"),
      (["--parameters", "26K", "--trial-steps", "0"], 64, "--trial-steps: expected from 1"),
      (["--count", "2", "--hidden-size", "32", "--trial-steps", "2"], 64, "--trial-steps: expected a budget"),
    ])
    func badBudgets(_ flags: [String], _ code: Int32, _ text: String) throws {
      let outcome = try Command.run(
        ["student", "--from", "deep", "--calibration-text", desk.workspace.text, "--output", "found"] + flags,
        in: desk.folder)
      #expect(outcome.code == code && outcome.errors.contains(text), "\(outcome.errors)")
      #expect(!desk.exists("found"))
    }

    @Test func aTextThatIsTooShortToCompareShapes() throws {
      _ = try desk.write("The old fox.", to: "short.txt")
      let outcome = try Command.run(
        "student", "--from", "deep", "--parameters", "26K", "--calibration-text", "short.txt", "--output", "found",
        in: desk.folder)
      #expect(outcome.code == 1 && outcome.errors.contains("give more --calibration-text"), "\(outcome.errors)")
    }
  }
}
