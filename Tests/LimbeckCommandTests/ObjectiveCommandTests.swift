import Foundation
import Testing

extension CommandTests {
  /// What `distill` minimises, and from whom it learns.
  @Suite struct ObjectiveFlags {
    private func distil(_ desk: Desk, _ output: String, _ flags: [String]) throws -> Outcome {
      try Command.run(
        [
          "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.smallConfiguration, "--text",
          desk.workspace.text, "--output", output, "--steps", "3", "--batch-size", "4", "--sequence-length", "16",
        ] + flags, in: desk.folder)
    }

    @Test func schedulesMixturesAndSeveralTeachers() throws {
      let desk = try Desk()
      let flags = [
        "--teacher", try desk.copyOfTeacher("other"), "--teacher-weights", "2,1", "--temperature", "linear:4..1",
        "--divergence", "0.5*forward-kl+cosine:0..1*jensen-shannon:0.3", "--hard-label-weight", "2",
        "--soft-label-weight", "5", "--logits-mse-weight", "0.01", "--token-weighting", "teacher-entropy",
      ]
      let outcome = try distil(desk, "run", flags)
      try #require(outcome.code == 0, "\(outcome.errors)")
      let recipe = try desk.text("run/recipe.yaml")
      for line in [
        "temperature: linear:4.0..1.0", "divergence: 0.5*forward-kl+cosine:0.0..1.0*jensen-shannon:0.3",
        "hard-label-weight: 2.0", "soft-label-weight: 5.0", "token-weighting: teacher-entropy", "teacher-weights: 2,1",
      ] { #expect(recipe.contains(line), "\(recipe)") }
      let manifest = try desk.text("run/run.json")
      #expect(manifest.contains("tokens weighted by teacher-entropy") && manifest.contains("\"teacher weights\""))

      // the recipe makes the run again, to the byte
      let again = try Command.run(
        "distill", "--recipe", "run/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("run/model.safetensors") == desk.data("again/model.safetensors"))
    }

    @Test(arguments: [
      (
        ["--temperature", "linear:2..0.01"], "--temperature: expected a number of at least 0.05, found linear:2.0..0.01"
      ),
      (["--hard-label-weight", "1.5"], "--hard-label-weight: expected a number from 0 to 1, found 1.5"),
      (
        ["--soft-label-weight", "cosine:1..-1"], "--soft-label-weight: expected a number from 0, found cosine:1.0..-1.0"
      ),
      (["--logits-mse-weight", "-1"], "--logits-mse-weight: expected a number from 0, found -1.0"),
      (["--teacher-weights", "1,2"], "--teacher-weights: expected a number above 0 for each teacher"),
      (["--teacher-weights", "0"], "--teacher-weights: expected a number above 0 for each teacher"),
      (["--temperature", "linear:4"], "'linear:4' is invalid for '--temperature"),
      (["--divergence", "forward-kl+"], "'forward-kl+' is invalid for '--divergence"),
      (["--divergence", "forward-kl+-1*reverse-kl"], "'forward-kl+-1*reverse-kl' is invalid for '--divergence"),
      (["--token-weighting", "length"], "'length' is invalid for '--token-weighting"),
    ])
    func mistakesAreNamedBeforeAnyWork(flags: [String], message: String) throws {
      let desk = try Desk()
      let outcome = try distil(desk, "run", flags)
      #expect(outcome.code == 64)
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
      #expect(!desk.exists("run") && !desk.exists("tokens"))
    }

    @Test func aTeacherWithAnotherTokenizerIsNamedByItsNumber() throws {
      let desk = try Desk()
      let folder = try desk.copyOfTeacher("other")
      let made = try Command.run(
        "tokenizer", "train", "--text", desk.workspace.heldOut, "--output", desk.path("other.model"),
        "--vocabulary-size", "\(Workspace.vocabularySize)")
      try #require(made.code == 0, "\(made.errors)")
      try desk.data("other.model").write(to: URL(fileURLWithPath: folder).appendingPathComponent("tokenizer.model"))
      let outcome = try distil(desk, "run", ["--teacher", folder])
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains("teacher 2: "), "\(outcome.errors)")
      #expect(!desk.exists("run") && !desk.exists("tokens"))
    }
  }
}
