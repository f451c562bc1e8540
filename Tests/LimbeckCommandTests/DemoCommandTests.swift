import Foundation
import Testing

extension CommandTests {
  /// `limbeck demo`.
  @Suite struct Demos {
    private func demo(_ desk: Desk, _ more: String...) throws -> Outcome {
      try Command.run(
        [
          "demo", "--text", desk.workspace.text, "--output", "made", "--vocabulary-size", "300", "--teacher",
          "200K", "--student", "60K", "--steps", "8",
        ] + more,
        in: desk.folder)
    }

    /// The words that were printed, but for speeds.
    private func words(_ outcome: Outcome) -> [[Substring]] {
      outcome.output.split(separator: "\n").filter { !$0.contains("tokens/s") }.map { $0.split(separator: " ") }
    }

    @Test func everythingIsMadeAndNothingTwice() throws {
      let desk = try Desk()
      let first = try demo(desk)
      try #require(first.code == 0, "\(first.errors)")
      for name in ["tokenizer.model", "teacher", "control", "student", "report.html", "student.gguf"] {
        #expect(FileManager.default.fileExists(atPath: desk.path("made/\(name)")), "\(name)")
      }
      #expect(
        first.output.contains("KL divergence, nats") && first.errors.contains("$ limbeck distill --teacher made/"))
      let second = try demo(desk)
      #expect(second.code == 0 && words(second).allSatisfy(words(first).contains), "\(second.errors)")
      #expect(!second.errors.contains("$ limbeck train") && second.errors.contains("$ limbeck compare"))
    }

    @Test func whatWasInterruptedGoesOn() throws {
      let desk = try Desk()
      let arguments = [
        "demo", "--text", desk.workspace.text, "--output", "made", "--vocabulary-size", "300", "--teacher", "200K",
        "--student", "60K", "--steps", "60",
      ]
      let command = try Command(arguments, in: desk.folder)
      try command.send(SIGINT, when: desk.path("made/teacher/metrics.jsonl"))
      #expect(try command.outcome().code == 130)
      let other = try demo(desk)
      #expect(other.code == 1 && other.errors.contains("made: exists already"), "\(other.errors)")
      let rest = try Command.run(arguments, in: desk.folder)
      #expect(
        rest.code == 0 && rest.errors.contains("$ limbeck train --output made/teacher --resume"), "\(rest.errors)")
    }

    @Test func aTextThatHasChangedIsAnotherDemo() throws {
      let desk = try Desk()
      let text = try desk.write(String(contentsOfFile: desk.workspace.text, encoding: .utf8), to: "own.txt")
      let arguments = ["demo", "--text", text, "--output", "made", "--vocabulary-size", "300", "--student", "none"]
      // stops at the student, before anything is made
      #expect(try Command.run(arguments, in: desk.folder).errors.contains("none: no such file or folder"))
      #expect(!desk.exists("made"))
      let small = ["--teacher", "200K", "--student", "60K", "--steps", "2"]
      let made = Array(arguments.dropLast(2)) + small
      try #require(Command.run(made, in: desk.folder).code == 0)
      _ = try desk.write("Another text.", to: "own.txt")
      let again = try Command.run(made, in: desk.folder)
      #expect(again.code == 1 && again.errors.contains("of this text; choose another --output"), "\(again.errors)")
    }

    @Test func badInputIsToldBeforeAnythingIsMade() throws {
      let desk = try Desk()
      let missing = try Command.run("demo", "--text", "none.txt", in: desk.folder)
      #expect(
        missing.code == 1 && missing.errors.contains("none.txt: cannot be read: no such file"), "\(missing.errors)")
      for (flag, value) in [
        ("steps", "0"), ("steps", "x"), ("steps", "9223372036854775807"), ("vocabulary-size", "-1"), ("teacher", ""),
      ] {
        let outcome = try Command.run("demo", "--text", desk.workspace.text, "--\(flag)", value, in: desk.folder)
        #expect(outcome.code != 0 && outcome.errors.contains(flag), "\(outcome.errors)")
      }
      // what failed before anything was made is no obstacle, what is there is
      #expect(try desk.text("demo/demo.json").contains("-1"))
      _ = try desk.write("text", to: "demo/file.txt")
      let there = try Command.run("demo", "--text", desk.workspace.text, in: desk.folder)
      #expect(there.code == 1 && there.errors.contains("demo: exists already"), "\(there.errors)")
    }
  }
}
