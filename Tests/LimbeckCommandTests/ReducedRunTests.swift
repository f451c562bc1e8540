import Foundation
import Testing
import Tokenization

extension CommandTests {
  /// Runs whose vocabulary is smaller than their teacher's.
  @Suite struct ReducedRuns {
    private func distill(_ desk: Desk, _ output: String, _ flags: String...) throws -> Outcome {
      try Command.run(
        [
          "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.path("free.json"), "--text",
          desk.path("few.txt"), "--output", output, "--steps", "4", "--batch-size", "2", "--sequence-length", "16",
        ] + flags, in: desk.folder)
    }

    /// A desk with a few lines of the text, which need a part of the vocabulary, and a configuration of any vocabulary.
    private func desk() throws -> Desk {
      let desk = try Desk()
      let text = try String(contentsOfFile: desk.workspace.text, encoding: .utf8)
      _ = try desk.write(text.split(separator: "\n").prefix(4).joined(separator: "\n"), to: "few.txt")
      _ = try desk.write("A grey cat.\n", to: "more.txt")
      let configuration = """
        {"model_type": "llama", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
         "num_attention_heads": 2, "max_position_embeddings": 64, "tie_word_embeddings": true}
        """
      try configuration.write(toFile: desk.workspace.path("free.json"), atomically: true, encoding: .utf8)
      return desk
    }

    private func size(_ path: String) throws -> Int {
      try loadTokenizer(from: URL(fileURLWithPath: path)).vocabularySize
    }

    @Test func teacherAndStudentShareTheSmallerVocabulary() throws {
      let desk = try desk()
      let run = try distill(
        desk, "run", "--reduce-vocabulary", "more.txt", "--validation-text", desk.workspace.heldOut,
        "--checkpoint-every", "2")
      try #require(run.code == 0, "\(run.errors)")
      #expect(run.errors.contains("% of the teacher's probability on the validation text"), "\(run.errors)")
      let (whole, small) = (try size(desk.workspace.teacher), try size(desk.path("run-teacher")))
      #expect(try small < whole && size(desk.path("run")) == small)
      #expect(run.errors.contains("vocabulary: \(small) of \(whole) tokens"), "\(run.errors)")
      #expect(try desk.text("run/recipe.yaml").contains("reduce-vocabulary:"))

      // the recipe makes the same run
      let repeated = try Command.run(
        "distill", "--recipe", "run/recipe.yaml", "--output", "other", in: desk.folder)
      #expect(repeated.code == 0, "\(repeated.errors)")
      #expect(try desk.data("other/model.safetensors") == desk.data("run/model.safetensors"))
      let again = try distill(desk, "again", "--reduce-vocabulary", "more.txt")
      #expect(again.code == 0, "\(again.errors)")
      try FileManager.default.removeItem(atPath: desk.path("again"))
      let taken = try distill(desk, "again", "--reduce-vocabulary", "more.txt")
      #expect(taken.code != 0 && taken.errors.contains("again-teacher"), "\(taken.errors)")

      let control = try Command.run("train", "--control-of", "run", "--output", "control", in: desk.folder)
      #expect(control.code == 0, "\(control.errors)")
      #expect(try size(desk.path("control")) == small)
      let report = try Command.run("report", "run", "control", "--output", "report.html", in: desk.folder)
      #expect(report.code == 0, "\(report.errors)")
    }

    @Test func aResumedRunHasTheSameTeacher() throws {
      let desk = try desk()
      let whole = try distill(desk, "whole", "--reduce-vocabulary", "more.txt")
      try #require(whole.code == 0, "\(whole.errors)")
      let command = try Command(
        [
          "distill", "--recipe", "whole/recipe.yaml", "--steps", "3000", "--checkpoint-every", "2", "--output", "run",
        ], in: desk.folder)
      try command.send(SIGINT, whenErrorsContain: "step ")
      #expect(try command.outcome().code != 0)
      let teacher = try desk.data("run-teacher/model.safetensors")
      // more text needs more tokens
      let (text, resume) = (try desk.text("more.txt"), ["distill", "--recipe", "run/recipe.yaml", "--resume"])
      _ = try desk.write("Zq@#!", to: "more.txt")
      let other = try Command.run(resume + ["--output", "run"], in: desk.folder)
      #expect(other.code != 0 && other.errors.contains("run-teacher"), "\(other.errors)")
      #expect(try desk.data("run-teacher/model.safetensors") == teacher)
      // what is missing is made again
      _ = try desk.write(text, to: "more.txt")
      try FileManager.default.removeItem(atPath: desk.path("run-teacher"))
      let resumed = try Command(resume + ["--output", "run"], in: desk.folder)
      try resumed.send(SIGINT, whenErrorsContain: "step ")
      #expect(try resumed.outcome().errors.contains("resum"))
      #expect(try desk.data("run-teacher/model.safetensors") == teacher)
    }

    @Test func whatFailsAtTheStartLeavesNothing() throws {
      let desk = try desk()
      // found out after the teacher is written
      let failed = try distill(
        desk, "run", "--reduce-vocabulary", "more.txt", "--cache-while-distilling")
      #expect(failed.code != 0 && failed.errors.contains("more than the"), "\(failed.errors)")
      #expect(failed.errors.contains("wrote ") && !desk.exists("run-teacher") && !desk.exists("run"))
      let again = try distill(desk, "run", "--reduce-vocabulary", "more.txt")
      #expect(again.code == 0 && desk.exists("run-teacher"), "\(again.errors)")
    }

    @Test func aStudentOfOtherTokensIsRefusedBeforeAnythingIsWritten() throws {
      let desk = try desk()
      let outcome = try Command.run(
        "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.teacher, "--text", "few.txt",
        "--output", "run", "--steps", "4", "--sequence-length", "16", "--reduce-vocabulary", "more.txt",
        in: desk.folder)
      #expect(outcome.code != 0 && outcome.errors.contains("--student: expected a size"), "\(outcome.errors)")
      #expect(!outcome.errors.contains("wrote ") && !desk.exists("run-teacher"))
    }

    @Test func thePlanHasTheSmallerVocabulary() throws {
      let desk = try desk()
      let plan = try distill(desk, "run", "--reduce-vocabulary", "more.txt", "--plan", "--json")
      try #require(plan.code == 0, "\(plan.errors)")
      #expect(!desk.exists("run-teacher") && !desk.exists("run"))
      let run = try distill(desk, "run", "--reduce-vocabulary", "more.txt")
      try #require(run.code == 0, "\(run.errors)")
      // once the teacher is there, a plan without the reduction has the same weights
      let whole = try Command.run(
        "distill", "--teacher", "run-teacher", "--student", desk.workspace.path("free.json"), "--text", "few.txt",
        "--output", "other", "--steps", "4", "--batch-size", "2", "--sequence-length", "16", "--plan", "--json",
        in: desk.folder)
      #expect(try part("weights", of: plan) == part("weights", of: whole))
      #expect(try part("output head", of: plan) == part("output head", of: whole))
    }

    private func part(_ name: String, of plan: Outcome) throws -> Int {
      struct Plan: Decodable {
        struct Part: Decodable {
          let name: String
          let bytes: Int
        }
        let parts: [Part]
      }
      let parts = try JSONDecoder().decode(Plan.self, from: Data(plan.output.utf8)).parts
      return try #require(parts.first { $0.name == name }?.bytes)
    }

    @Test func badInputIsRefused() throws {
      let desk = try desk()
      let cases: [([String], String)] = [
        (["--reduce-vocabulary", "nowhere.txt"], "nowhere.txt"),
        (["--teacher", desk.workspace.teacher, "--reduce-vocabulary", "more.txt"], "expected one teacher"),
        (["--tokenizer", desk.workspace.tokenizer, "--reduce-vocabulary", "more.txt"], "nothing with --tokenizer"),
        (["--reduce-vocabulary", "more.txt", "--memory-limit", "20MB"], "memory: expected at most"),
        (["--reduce-vocabulary", "more.txt", "--sequence-length", "65"], "65"),
      ]
      for (flags, message) in cases {
        let outcome = try Command.run(
          [
            "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.path("free.json"), "--text",
            desk.path("few.txt"), "--output", "run", "--steps", "4", "--sequence-length", "16",
          ] + flags, in: desk.folder)
        #expect(outcome.code != 0 && outcome.errors.contains(message), "\(outcome.errors)")
        #expect(!desk.exists("run") && !desk.exists("run-teacher"))
      }
      let made = try Command.run(
        "cache-teacher", "--teacher", desk.workspace.teacher, "--text", "few.txt", "--sequence-length", "16",
        "--output", "cache", in: desk.folder)
      try #require(made.code == 0, "\(made.errors)")
      let cached = try Command.run(
        "distill", "--teacher-cache", "cache", "--student", desk.workspace.path("free.json"), "--text", "few.txt",
        "--output", "run", "--steps", "4", "--sequence-length", "16", "--reduce-vocabulary", "more.txt",
        in: desk.folder)
      #expect(
        cached.code != 0 && cached.errors.contains("--reduce-vocabulary: expected nothing with --teacher-cache"),
        "\(cached.errors)")
    }
  }
}
