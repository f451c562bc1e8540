import Foundation
import Testing

extension CommandTests {
  @Suite struct Training {
    /// Long enough to be interrupted: several hundred short steps.
    private static func arguments(_ desk: Desk, _ output: String) -> [String] {
      [
        "train", "--model", desk.workspace.smallConfiguration, "--tokenizer", desk.workspace.tokenizer,
        "--text", desk.workspace.text, "--validation-text", desk.workspace.heldOut, "--output", output,
        "--steps", "400", "--batch-size", "4", "--sequence-length", "16", "--checkpoint-every", "10",
        "--kept-checkpoints", "100",
        "--evaluate-every", "100", "--seed", "7",
      ]
    }

    @Test func runsThatWereStoppedOrKilledEndInTheSameBytes() throws {
      let desk = try Desk()
      let whole = try Command.run(Self.arguments(desk, desk.path("whole")))
      try #require(whole.code == 0, "\(whole.errors)")

      let stopped = try Command(Self.arguments(desk, desk.path("stopped")))
      try stopped.send(SIGINT, when: desk.path("stopped/checkpoints/step-00000010"))
      let interrupted = try stopped.outcome()
      #expect(interrupted.code == 130)
      #expect(interrupted.errors.contains("limbeck train --output \(desk.path("stopped")) --resume\n"))
      #expect(!desk.exists("stopped/model.safetensors"))

      let killed = try Command(Self.arguments(desk, desk.path("killed")))
      try killed.send(SIGKILL, when: desk.path("killed/checkpoints/step-00000020"))
      #expect(try killed.outcome().code == SIGKILL)
      #expect(!desk.exists("killed/model.safetensors"))

      for name in ["stopped", "killed"] {
        let resumed = try Command.run("train", "--output", desk.path(name), "--resume")
        #expect(resumed.code == 0, "\(resumed.errors)")
        #expect(resumed.errors.contains("continuing after step "))
        #expect(try desk.data("\(name)/model.safetensors") == desk.data("whole/model.safetensors"))
      }
      let again = try Command.run("train", "--output", desk.path("whole"), "--resume")
      #expect(again.code == 1)
      #expect(
        again.errors.hasSuffix(
          "this run is finished and will not be overwritten; to train its model further: limbeck train --continue "
            + "\(desk.path("whole")) --steps N --output NEW\n"))
    }

    @Test func killedRunsLoseAtMostAHundredStepsAndCanBeInspected() throws {
      let desk = try Desk()
      let call = try Command(
        [
          "train", "--model", desk.workspace.smallConfiguration, "--tokenizer", desk.workspace.tokenizer, "--text",
          desk.workspace.text, "--output", desk.path("run"), "--steps", "100000", "--batch-size", "1",
          "--sequence-length", "16",
        ])
      try call.send(SIGKILL, when: desk.path("run/checkpoints/step-00000100"))
      #expect(try call.outcome().code == SIGKILL)

      let shown = try Command.run("inspect", "run", in: desk.folder)
      #expect(shown.code == 0, "\(shown.errors)")
      for text in ["\nlayers ", "newest checkpoint's, of step ", "limbeck train --output run --resume\n"] {
        #expect(shown.output.contains(text), "\(shown.output)")
      }
      let json = try Command.run("inspect", "run", "--json", in: desk.folder)
      let report = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
      #expect((report["checkpoint_step"] as? Int)?.isMultiple(of: 100) == true)
      #expect(report["vocabulary_size"] as? Int == Workspace.vocabularySize)
      #expect((report["run"] as? [String: Any])?["inputs"] != nil)

      try FileManager.default.removeItem(atPath: desk.path("run/checkpoints"))
      let begun = try Command.run("inspect", "run", in: desk.folder)
      #expect(begun.code == 0, "\(begun.errors)")
      for text in ["no checkpoint", "limbeck train --output run --resume\n", "parameters, total "] {
        #expect(begun.output.contains(text), "\(begun.output)")
      }
    }

    @Test func secondControlCEndsAtOnce() throws {
      let desk = try Desk()
      // All of a step is computed at once, which takes long enough for both to come before its end.
      let call = try Command(Self.arguments(desk, desk.path("run")) + ["--batch-size", "32768"])
      try call.send(SIGINT, when: desk.path("run/metrics.jsonl"))
      try call.send(SIGINT, whenErrorsContain: "stopping with a checkpoint")
      let outcome = try call.outcome()
      #expect(outcome.code == 130)
      #expect(!outcome.errors.contains("stopped after step"))
      #expect(!desk.exists("run/checkpoints"))
    }

    @Test(arguments: ["shifted", "fixed", "documents"])
    func packingsAreKeptInTheRunFolder(_ name: String) throws {
      let desk = try Desk()
      for (run, flags) in [("run", []), ("plain", ["--no-sequence-bos"])] {
        let outcome = try desk.train(run, ["--packing", name] + flags)
        try #require(outcome.code == 0, "\(outcome.errors)")
        #expect(try desk.text("\(run)/recipe.yaml").contains("packing: \(name)\n"))
        let again = try Command.run(
          "train", "--recipe", "\(run)/recipe.yaml", "--output", "\(run)2", in: desk.folder)
        try #require(again.code == 0, "\(again.errors)")
        #expect(try desk.data("\(run)2/model.safetensors") == desk.data("\(run)/model.safetensors"))
      }
      #expect(try desk.data("run/model.safetensors") != desk.data("plain/model.safetensors"))
    }

    @Test func aSmallTextIsReadAsOftenAsItsEpochs() throws {
      let desk = try Desk()
      let rows = (1...3).map { "{\"text\": \"The cat sat on mat \($0).\"}\n" }.joined()
      let text = try desk.write(rows, to: "small.jsonl")
      let outcome = try Command.run(
        "train", "--model", desk.workspace.smallConfiguration, "--tokenizer", desk.workspace.tokenizer, "--text", text,
        "--output", "run", "--epochs", "2", "--batch-size", "64", "--sequence-length", "8", "--warmup-steps", "9",
        in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("fewer than the batch size of 64: each step reads the whole text"))
      #expect(outcome.errors.contains("the run has 2 steps, fewer than the 9 of --warmup-steps"))
      #expect(try desk.text("run/metrics.jsonl").split(separator: "\n").count == 2)
      #expect(!outcome.errors.contains("its loss is mostly chance"))
      let validated = try Command.run(
        "train", "--recipe", "run/recipe.yaml", "--output", "validated", "--validation-text",
        desk.write("A dog ran.", to: "tiny.txt"), in: desk.folder)
      #expect(
        validated.errors.contains("that count: its loss is mostly chance; give at least 500"), "\(validated.errors)")
    }

    @Test func promptsThatFillSequencesAreLeftOut() throws {
      let desk = try Desk()
      let prompt = String(repeating: "all work and no play ", count: 20)
      let rows = (1...3).map { _ in "{\"prompt\": \"\(prompt)\", \"completion\": \"ends\"}\n" }.joined()
      let text = try desk.write(rows, to: "long.jsonl")
      let arguments = [
        "train", "--model", desk.workspace.smallConfiguration, "--tokenizer", desk.workspace.tokenizer, "--text", text,
        "--output", "run", "--steps", "6", "--batch-size", "1", "--sequence-length", "8",
      ]
      for packing in ["shifted", "fixed", "documents"] {
        let outcome = try Command.run(arguments + ["--packing", packing, "--output", packing], in: desk.folder)
        try #require(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("without a token that counts in the loss"))
        let metrics = try desk.text("\(packing)/metrics.jsonl")
        #expect(metrics.split(separator: "\n").count == 6 && !metrics.contains("\"loss\":0,"), "\(metrics)")
      }
    }

    @Test func recipeInTheRunFolderMakesTheRunAgain() throws {
      let desk = try Desk()
      let first = try desk.train("first", "--learning-rate", "0.02", "--validation-text", desk.workspace.heldOut)
      try #require(first.code == 0, "\(first.errors)")
      let second = try Command.run(
        "train", "--recipe", "first/recipe.yaml", "--output", "second", in: desk.folder)
      try #require(second.code == 0, "\(second.errors)")
      #expect(try desk.data("first/model.safetensors") == desk.data("second/model.safetensors"))
      let recipe = try desk.text("first/recipe.yaml")
      for line in [
        "steps: 4", "learning-rate: 0.02", "schedule: cosine", "checkpoint-every: 100", "output: first", "seed: 0",
      ] {
        #expect(recipe.contains("\(line)\n"))
      }
      #expect(try desk.text("second/recipe.yaml") == recipe.replacing("output: first", with: "output: second"))
    }

    /// By flag and by recipe; recorded, and not to be changed on the way.
    @Test func theOptimisersValuesAreSet() throws {
      let desk = try Desk()
      let plain = try desk.train("plain")
      try #require(plain.code == 0, "\(plain.errors)")
      for line in ["beta1: 0.9", "beta2: 0.95", "epsilon: 1e-08"] {
        #expect(try desk.text("plain/recipe.yaml").contains("\(line)\n"))
      }
      let flags = ["--beta1", "0.8", "--beta2", "0.9", "--epsilon", "1e-3"]
      let first = try desk.train("first", flags[0], flags[1], flags[2], flags[3], flags[4], flags[5])
      try #require(first.code == 0, "\(first.errors)")
      #expect(try desk.data("first/model.safetensors") != desk.data("plain/model.safetensors"))
      let second = try Command.run("train", "--recipe", "first/recipe.yaml", "--output", "second", in: desk.folder)
      try #require(second.code == 0, "\(second.errors)")
      #expect(try desk.data("first/model.safetensors") == desk.data("second/model.safetensors"))
      let wrong = try desk.train("wrong", "--beta2", "1")
      #expect(wrong.code == 64)
      #expect(wrong.errors.contains("--beta2: expected a number from 0 to below 1, found 1.0"), "\(wrong.errors)")
    }

    @Test func weightsAreStoredInTheTypeChosen() throws {
      let desk = try Desk()
      let recipe = try desk.write("weights: float16\n", to: "recipe.yaml")
      let cases: [(name: String, flags: [String], type: String, stored: String)] = [
        ("full", [], "float32", "F32"), ("half", ["--recipe", recipe], "float16", "F16"),
        ("brief", ["--recipe", recipe, "--weights", "bfloat16"], "bfloat16", "BF16"),
      ]
      for (name, flags, type, stored) in cases {
        let outcome = try desk.train(name, flags)
        try #require(outcome.code == 0, "\(outcome.errors)")
        #expect(try desk.text("\(name)/config.json").contains("\"\(type)\""))
        #expect(try desk.text("\(name)/recipe.yaml").contains("weights: \(type)\n"))
        #expect(try Command.run("inspect", name, in: desk.folder).output.contains(", \(stored)\n"))
        #expect(
          try desk.data("\(name)/checkpoints/step-00000004/model.safetensors")
            == desk.data("full/model.safetensors"))
      }
      let refused = try desk.train("refused", ["--weights", "int8"])
      #expect(refused.code == 64 && refused.errors.contains("bfloat16"))
    }

    @Test func tokenFilesAreSharedAndReused() throws {
      let desk = try Desk()
      #expect(try desk.train("first").errors.contains("tokens, written to "))
      #expect(try desk.train("second").errors.contains("tokens, from "))
      #expect(try FileManager.default.contentsOfDirectory(atPath: desk.path("tokens")).count == 1)
    }

    @Test func existingOutputIsNotTouched() throws {
      let desk = try Desk()
      try FileManager.default.createDirectory(atPath: desk.path("run"), withIntermediateDirectories: true)
      let outcome = try desk.train("run")
      #expect(outcome.code == 1)
      #expect(
        outcome.errors == "error: run: exists already and will not be overwritten; choose another output, or "
          + "continue that run with --resume\n")
      #expect(try FileManager.default.contentsOfDirectory(atPath: desk.folder) == ["run"])
    }

    @Test func resumingWhatIsNoRunIsAnError() throws {
      let desk = try Desk()
      let outcome = try Command.run("train", "--output", "nothing", "--resume", in: desk.folder)
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains("nothing/recipe.yaml"))
    }

    @Test func resumingWithAnotherRecipeIsAnError() throws {
      let desk = try Desk()
      let call = try Command(Self.arguments(desk, desk.path("run")))
      try call.send(SIGINT, when: desk.path("run/checkpoints/step-00000010"))
      #expect(try call.outcome().code == 130)
      let outcome = try Command.run("train", "--output", desk.path("run"), "--resume", "--learning-rate", "0.5")
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains("learning-rate"))
    }

    @Test func logsArePlainWithoutATerminal() throws {
      let outcome = try Desk().train("run")
      #expect(outcome.output.isEmpty)
      #expect(!outcome.errors.contains("\r") && !outcome.errors.contains("\u{1B}"))
    }

    @Test func terminalsGetAProgressBar() throws {
      let desk = try Desk()
      let workspace = desk.workspace
      let outcome = try Command.shell(
        """
        script -qec "$limbeck train --model '\(workspace.smallConfiguration)' --tokenizer '\(workspace.tokenizer)' \
        --text '\(workspace.text)' --output run --steps 3 --batch-size 4 --sequence-length 16" /dev/null
        """, in: desk.folder)
      #expect(outcome.code == 0)
      #expect(outcome.output.contains("step 3/3 ━━━━━━━━━━━━━━━━━━━━  loss "))
      #expect(outcome.output.contains(" tokens/s"))
    }
  }
}
