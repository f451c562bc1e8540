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
        "temperature: linear:4..1", "divergence: 0.5*forward-kl+cosine:0..1*jensen-shannon:0.3",
        "hard-label-weight: 2\n", "soft-label-weight: 5\n", "token-weighting: teacher-entropy", "teacher-weights: 2,1",
      ] { #expect(recipe.contains(line), "\(recipe)") }
      let manifest = try desk.text("run/run.json")
      #expect(manifest.contains("token-weighting teacher-entropy") && manifest.contains("\"teacher_weights\""))

      // the recipe makes the run again, to the byte
      let again = try Command.run(
        "distill", "--recipe", "run/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("run/model.safetensors") == desk.data("again/model.safetensors"))
    }

    @Test(arguments: [
      (
        ["--temperature", "linear:2..0.01"], "--temperature: expected a number of at least 0.05, found linear:2..0.01"
      ),
      (["--hard-label-weight", "1.5"], "--hard-label-weight: expected a number from 0 to 1, found 1.5"),
      (
        ["--soft-label-weight", "cosine:1..-1"], "--soft-label-weight: expected a number from 0, found cosine:1..-1"
      ),
      (["--logits-mse-weight", "-1"], "--logits-mse-weight: expected a number from 0, found -1"),
      (["--teacher-weights", "1,2"], "--teacher-weights: expected a number above 0 for each teacher"),
      (["--teacher-weights", "0"], "--teacher-weights: expected a number above 0 for each teacher"),
      (["--temperature", "linear:4"], "expected a number, linear:from..to or cosine:from..to, found \"linear:4\"\n"),
      (["--divergence", "forward-kl+"], "--divergence: expected one of"),
      (["--divergence", "forward-kl+-1*reverse-kl"], "--divergence: expected one of"),
      (["--token-weighting", "length"], "--token-weighting: expected one of"),
      (["--align-layers", "3"], "--align-layers: expected one of"),
      (["--align-layers", "1:-1"], "--align-layers: expected one of"),
      (["--hidden-cosine-weight", "-1"], "--hidden-cosine-weight: expected a number from 0, found -1"),
      (["--relation-weight", "linear:1..-2"], "--relation-weight: expected a number from 0, found linear:1..-2"),
      (["--relation-layers", "1:1,last"], "--relation-layers: expected one pair of layers, found 1:1,last"),
      (["--relation-heads", "0"], "--relation-heads: expected a whole number above 0, found 0"),
      (["--preset", "tinybert"], "--preset: expected one of"),
    ])
    func mistakesAreNamedBeforeAnyWork(flags: [String], message: String) throws {
      let desk = try Desk()
      let outcome = try distil(desk, "run", flags)
      #expect(outcome.code == 64)
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
      #expect(!desk.exists("run") && !desk.exists("tokens"))
    }

    @Test func weightsOfTeachersHaveAFiniteSum() throws {
      let desk = try Desk()
      let outcome = try distil(
        desk, "run", ["--teacher", desk.workspace.teacher, "--teacher-weights", "3e38,3e38"])
      #expect(outcome.code == 64 && !desk.exists("run"))
      #expect(
        outcome.errors.contains(
          "--teacher-weights: expected numbers whose sum is below 3.4028235e+38, found 3e38,3e38"),
        "\(outcome.errors)")
    }

    @Test(arguments: [
      (
        ["--align-layers", "1:0"],
        "error: --align-layers: expected the teacher's layers to be 0 to 0, embedding or last, found 1"
      ),
      (
        ["--align-layers", "last:9", "--hidden-mse-weight", "1"],
        "error: --align-layers: expected the student's layers to be 0 to 0, embedding or last, found 9"
      ),
      (
        ["--relation-weight", "1", "--relation-layers", "embedding:0"],
        "error: --relation-layers: expected the teacher's layers to be 0 to 0, or last, whose attention has relations"
      ),
      (
        ["--relation-weight", "1", "--relation-heads", "7"],
        "error: --relation-heads: expected a divisor of 32, 16, 16, 8, the sizes"
      ),
    ])
    func layersThatDoNotExistAreNamedBeforeAnyWork(flags: [String], message: String) throws {
      let desk = try Desk()
      let outcome = try distil(desk, "run", flags)
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
      #expect(!desk.exists("run") && !desk.exists("tokens"))
    }

    @Test func hiddenStatesRelationsAndAPreset() throws {
      let desk = try Desk()
      let flags = [
        "--preset", "distilbert", "--align-layers", "0:0,embedding:embedding", "--hidden-mse-weight", "0.5",
        "--relation-weight", "1",
      ]
      let outcome = try distil(desk, "run", flags)
      try #require(outcome.code == 0, "\(outcome.errors)")
      let recipe = try desk.text("run/recipe.yaml")
      for line in [
        "preset: distilbert", "temperature: 2\n", "hard-label-weight: 2\n", "hidden-cosine-weight: 1\n",
        "hidden-mse-weight: 0.5", "align-layers: 0:0,embedding:embedding", "relation-layers: last",
      ] { #expect(recipe.contains(line), "\(recipe)") }
      let manifest = try desk.text("run/run.json")
      #expect(manifest.contains("hard-label-weight 2, soft-label-weight 5"))
      let terms =
        "align-layers 0:0,embedding:embedding, hidden-cosine-weight 1, hidden-mse-weight 0.5; relation-layers last, "
        + "relation-weight 1, relation-heads as the student's key-value heads"
      #expect(manifest.contains("\"hidden_states\" : \"\(terms)\""), "\(manifest)")
      #expect(outcome.errors.contains(terms), "\(outcome.errors)")
      #expect(try desk.text("run/metrics.jsonl").contains("\"alignment\":"))
      let again = try Command.run("distill", "--recipe", "run/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("run/model.safetensors") == desk.data("again/model.safetensors"))
    }

    @Test func aTeacherWithAnotherTokenizerIsNamedByItsPath() throws {
      let desk = try Desk()
      let folder = try desk.copyOfTeacher("other")
      let made = try Command.run(
        "tokenizer", "train", "--text", desk.workspace.heldOut, "--output", desk.path("other.model"),
        "--vocabulary-size", "\(Workspace.vocabularySize)")
      try #require(made.code == 0, "\(made.errors)")
      try desk.data("other.model").write(to: URL(fileURLWithPath: folder).appendingPathComponent("tokenizer.model"))
      // that of the teacher as it was
      try FileManager.default.removeItem(atPath: "\(folder)/tokenizer.json")
      let outcome = try distil(desk, "run", ["--teacher", folder])
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains("\(folder): id "), "\(outcome.errors)")
      #expect(!desk.exists("run") && !desk.exists("tokens"))
    }
  }
}
