import Foundation
import TensorCore
import TestSupport
import Testing

extension CommandTests {
  /// `limbeck distill --budget`.
  @Suite struct TimeBudgets {
    private let desk: Desk

    /// A teacher of four layers, called "deep".
    init() throws {
      desk = try Desk()
      try desk.makeTeacher("deep", layers: 4)
    }

    private func arguments(_ teacher: String = "deep", text: String? = nil, budget: String = "10s") -> [String] {
      let text = text ?? desk.workspace.text
      return ["distill", "--teacher", teacher, "--text", text, "--budget", budget, "--output", "made"]
    }

    @Test func everythingIsChosenMadeAndToldAndTheRecipeMakesItAgain() throws {
      let outcome = try Command.run(arguments(), in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("the student reached a perplexity of"), "\(outcome.output)")
      #expect(outcome.errors.contains("layers 0, 3 of the teacher"), "\(outcome.errors)")
      for name in ["start", "pilot", "control", "mixed", "student", "report.html", "recipe.yaml"] {
        #expect(desk.exists("made/\(name)"), "\(name): \(outcome.errors)")
      }
      let recipe = try desk.text("made/recipe.yaml")
      #expect(recipe.contains("# hard-label-weight: ") && recipe.contains("perplexities of the pilots"))
      let again = try Command.run("distill", "--recipe", "made/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("again/model.safetensors") == desk.data("made/student/model.safetensors"))
      // what is done is not done again, and told as before
      let second = try Command.run(arguments(), in: desk.folder)
      #expect(second.code == 0 && second.output == outcome.output && !second.errors.contains("$ limbeck"))
      let json = try Command.run(arguments() + ["--json"], in: desk.folder)
      let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
      let sentences = [
        "pays": ": distilling paid.", "does not pay": ": distilling did not pay;",
        "no difference": ": distilling made no difference",
      ]
      let sentence = try #require((object?["verdict"] as? String).flatMap { sentences[$0] })
      #expect(outcome.output.contains(sentence), "\(outcome.output)")
      #expect((object?["choices"] as? [Any])?.count == 10 && object?["student"] as? String == "made/student")
      #expect((object?["summary"] as? String).map { $0 + "\n" } == outcome.output)
      let other = try Command.run(arguments(budget: "16s"), in: desk.folder)
      #expect(other.code == 1 && other.errors.contains("it is of a budget of 10 seconds"), "\(other.errors)")
      let seed = try Command.run(arguments() + ["--seed", "2"], in: desk.folder)
      #expect(seed.code == 1 && seed.errors.contains("with these options and of this text"), "\(seed.errors)")
    }

    @Test func whatWasInterruptedGoesOnByTheSameRecipe() throws {
      let command = try Command(arguments(), in: desk.folder)
      try command.send(SIGINT, when: desk.path("made/student/metrics.jsonl"))
      let stopped = try command.outcome()
      #expect(stopped.code == 130 && stopped.errors.contains("the same command goes on"), "\(stopped.errors)")
      let recipe = try desk.text("made/recipe.yaml")
      let rest = try Command.run(arguments() + ["--json"], in: desk.folder)
      try #require(rest.code == 0, "\(rest.errors)")
      // one object, and nothing of the runs
      #expect(try JSONSerialization.jsonObject(with: Data(rest.output.utf8)) is [String: Any], "\(rest.output)")
      #expect(rest.errors.contains("$ limbeck distill --resume --output made/student"), "\(rest.errors)")
      #expect(try desk.text("made/recipe.yaml") == recipe)
      let again = try Command.run("distill", "--recipe", "made/recipe.yaml", "--output", "again", in: desk.folder)
      #expect(again.code == 0 && !again.errors.contains("warning"), "\(again.errors)")
      #expect(try desk.data("again/model.safetensors") == desk.data("made/student/model.safetensors"))
    }

    @Test func aTeacherThatCannotBeCutHasFreshStudents() throws {
      let outcome = try Command.run(
        arguments(desk.workspace.teacher) + ["--validation-text", desk.workspace.heldOut], in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("the teacher cannot be cut: it has 1 layer, and 4 are needed"))
      #expect(!desk.exists("made/start") && outcome.errors.contains("random ones"))
    }

    @Test func aVocabularyThatIsMostOfTheStudentIsCutDown() throws {
      // of its 2,048 tokens the text needs few
      let tokenizer = Folders.project.appendingPathComponent("tokenizers/austen-2048-bpe.model").path
      let file = try desk.write(Workspace.configuration(hiddenSize: 32, vocabularySize: 2_048), to: "wide.json")
      let made = try Command.run(
        "train", "--model", file, "--tokenizer", tokenizer, "--text", desk.workspace.text, "--output", "wide",
        "--steps", "2", "--batch-size", "2", "--sequence-length", "16", in: desk.folder)
      try #require(made.code == 0, "\(made.errors)")
      let outcome = try Command.run(arguments("wide"), in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains(" of 2,048 tokens: the text needs no others"), "\(outcome.errors)")
      #expect(desk.exists("made/teacher") && outcome.errors.contains("limbeck distill --teacher made/teacher"))
    }

    @Test func aTextThatIsTooSmallIsTold() throws {
      let sentence = "The old fox found a lamp by the river. "
      let file = try desk.write(sentence, to: "small.txt")
      let outcome = try Command.run(arguments(text: file), in: desk.folder)
      #expect(
        outcome.code == 1 && outcome.errors.contains("small.txt: tokens: expected about 2,560 or more")
          && outcome.errors.contains("found 0.05 of one row"), "\(outcome.errors)")
      // three sequences, and more than enough to measure on
      let three = try desk.write(String(repeating: sentence, count: 7), to: "three.txt")
      let few = try Command.run(
        arguments(text: three) + ["--validation-text", desk.workspace.heldOut], in: desk.folder)
      #expect(few.code == 1 && few.errors.contains("three.txt: tokens: expected 256 or more"), "\(few.errors)")
      let short = try desk.write("A lamp.", to: "held-out.txt")
      let other = try Command.run(arguments() + ["--validation-text", short], in: desk.folder)
      #expect(other.code == 1 && other.errors.contains("and 64 to measure on, found"), "\(other.errors)")
      #expect(!desk.exists("made"))
    }

    @Test func aBudgetThatIsTooShortIsToldAndNoObstacle() throws {
      // of 14 million weights, with which no machine takes four steps in a twentieth of a second
      let sizes = [
        "num_hidden_layers": "4", "max_position_embeddings": "256", "num_attention_heads": "10",
        "num_key_value_heads": "2",
      ]
      let file = try desk.write(Workspace.configuration(hiddenSize: 640, changing: sizes), to: "large.json")
      let made = try Command.run(
        "train", "--model", file, "--tokenizer", desk.workspace.tokenizer, "--text", desk.workspace.text, "--output",
        "large", "--steps", "1", "--batch-size", "1", "--sequence-length", "16", in: desk.folder)
      try #require(made.code == 0, "\(made.errors)")
      let outcome = try Command.run(arguments("large", budget: "1s"), in: desk.folder)
      #expect(outcome.code == 1 && outcome.errors.contains("--budget: expected at least"), "\(outcome.errors)")
      let other = try Command.run(arguments("none"), in: desk.folder)
      #expect(other.code == 1 && other.errors.contains("none"), "\(other.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: desk.path("made")) == ["budget.json"])
    }

    /// A pilot whose loss is not finite is the worst, as often as the command is called; damaged measurements are told.
    @Test func whatDivergesIsTheWorstAndDamageIsTold() throws {
      let backend = MatrixBackendKind.best.rawValue
      let outcome = try Command.run(arguments() + ["--backend", backend], in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(try desk.text("made/recipe.yaml").contains("backend: \(backend)"))
      let threads = try Command.run(arguments(), in: desk.folder)
      #expect(threads.code == 1 && threads.errors.contains("with these options and of this text"), "\(threads.errors)")
      // a student of weights of 1e10 each, whose scores overflow
      for name in ["pilot", "control", "mixed", "student", "recipe.yaml"] {
        try FileManager.default.removeItem(atPath: desk.path("made/\(name)"))
      }
      var start = try desk.data("made/start/model.safetensors")
      let header = start.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      for index in (8 + header)..<start.count { start[index] = 0x50 }
      try start.write(to: URL(fileURLWithPath: desk.path("made/start/model.safetensors")))
      for _ in 0..<2 {
        let diverged = try Command.run(arguments() + ["--backend", backend], in: desk.folder)
        #expect(diverged.code == 1, "\(diverged.output)")
        for name in ["pilot", "mixed"] {
          let line = try #require(diverged.errors.split(separator: "\n").first { $0.hasPrefix("made/\(name): ") })
          #expect(line.hasSuffix("it counts as the worst"))
        }
        #expect(diverged.errors.contains("found losses that are not finite"), "\(diverged.errors)")
      }
      let measured = try desk.text("made/measured.json")
      for damaged in ["{", measured.replacing(/"sequenceLength" : \d+/, with: "\"sequenceLength\" : 0")] {
        _ = try desk.write(damaged, to: "made/measured.json")
        let again = try Command.run(arguments() + ["--backend", backend], in: desk.folder)
        #expect(again.code == 1 && again.errors.contains("made/measured.json: contents: expected"), "\(again.errors)")
      }
    }

    @Test(arguments: [
      (["--budget", "30"], "--budget"), (["--budget", "0s"], "--budget"), (["--budget", "x"], "--budget"),
      (["--budget", "-5m"], "--budget"), (["--budget", "1e999s"], "--budget"), (["--budget", "9000h"], "--budget"),
      (["--steps", "5"], "--steps: expected nothing with --budget, which chooses it"),
      (["--student", "1M"], "--student: expected nothing with --budget"),
      (["--resume"], "--resume: expected nothing with --budget"),
      (["--teacher", "deep"], "--teacher: expected one teacher with --budget"),
      (["--validation-share", "0.9"], "validation-share"), (["--threads", "0"], "threads"),
      (["--output", "made.gguf"], "--output: expected the name of a folder"), (["--output", ""], "--output"),
    ])
    func badBudgets(_ flags: [String], _ text: String) throws {
      let outcome = try Command.run(arguments() + flags, in: desk.folder)
      #expect(outcome.code == 64 && outcome.errors.contains(text), "\(outcome.errors)")
      #expect(!desk.exists("made"))
    }

    @Test func whatGoesWithABudgetAloneIsTold() throws {
      let json = try Command.run("distill", "--teacher", "deep", "--json", in: desk.folder)
      #expect(
        json.code == 64 && json.errors.contains("--json: expected --plan or --budget beside it"), "\(json.errors)")
      let missing = try Command.run("distill", "--budget", "1m", in: desk.folder)
      #expect(missing.code == 64 && missing.errors.contains("--teacher, --text and --output are missing"))
    }
  }
}
