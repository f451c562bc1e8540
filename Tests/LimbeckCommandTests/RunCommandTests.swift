import Foundation
import Testing

extension CommandTests {
  /// Runs that go on: further, elsewhere, without their teacher, or in two processes.
  @Suite struct Runs {
    private func distil(_ desk: Desk, _ output: String, _ flags: String...) throws -> Outcome {
      try Command.run(
        [
          "distill", "--teacher", "../teacher", "--student", "../small.json", "--text", "../text.txt", "--output",
          output,
          "--steps", "4", "--batch-size", "4", "--sequence-length", "16", "--learning-rate", "0.01",
        ] + flags, in: desk.folder)
    }

    @Test func aRunThatGoesOnIsNotResumed() throws {
      let desk = try Desk()
      let flags = ["--steps", "100000", "--checkpoint-every", "5"]
      let call = try Command(
        [
          "train", "--model", desk.workspace.smallConfiguration, "--tokenizer", desk.workspace.tokenizer, "--text",
          desk.workspace.text, "--output", desk.path("run"), "--batch-size", "4", "--sequence-length", "16",
        ] + flags)
      // sent once the other process was refused
      try call.send(SIGTERM) {
        guard desk.exists("run/checkpoints/step-00000005") else { return false }
        guard let other = try? Command.run("train", "--output", "run", "--resume", in: desk.folder) else {
          return false
        }
        #expect(other.code == 1)
        #expect(other.errors.hasPrefix("error: \(desk.path("run")): is being written by process "), "\(other.errors)")
        // reading is free to all
        let report = try? Command.run("report", "run", "--output", "live.html", in: desk.folder)
        #expect(report?.code == 0, "\(report?.errors ?? "")")
        let perplexity = try? Command.run("inspect", "run", in: desk.folder)
        #expect(perplexity?.code == 0)
        return true
      }
      let stopped = try call.outcome()
      #expect(stopped.code == 143, "\(stopped.errors)")
      #expect(!desk.exists("run/.lock"))
    }

    @Test func tensorBoardGetsItsFileAlsoByTheRecipe() throws {
      let desk = try Desk()
      func files(_ run: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: desk.path(run)).filter {
          $0.hasPrefix("events.out.tfevents.")
        }
      }
      let first = try desk.train("first", "--tensorboard")
      try #require(first.code == 0, "\(first.errors)")
      #expect(try files("first").count == 1)
      #expect(try desk.text("first/recipe.yaml").contains("tensorboard: true\n"))
      let again = try Command.run("train", "--recipe", "first/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try files("again").count == 1)
      try #require(try desk.train("plain").code == 0)
      #expect(try files("plain").isEmpty)
    }

    @Test func aFinishedRunIsTrainedFurther() throws {
      let desk = try Desk()
      let first = try desk.train("first", "--learning-rate", "0.01", "--warmup-steps", "2")
      try #require(first.code == 0, "\(first.errors)")
      let longer = try Command.run(
        "train", "--continue", "first", "--steps", "3", "--output", "longer", in: desk.folder)
      try #require(longer.code == 0, "\(longer.errors)")
      #expect(
        longer.errors.contains("continues a run: weights and optimiser after step 4, 16 sequences read\n"),
        "\(longer.errors)")
      let recipe = try desk.text("longer/recipe.yaml")
      for line in ["continue: first", "steps: 3", "learning-rate: 0.01", "batch-size: 4", "warmup-steps: 0"] {
        #expect(recipe.contains("\(line)\n"), "\(recipe)")
      }
      #expect(!recipe.contains("model:") && !recipe.contains("tokenizer:"))
      #expect(try desk.text("longer/run.json").contains("weights and optimiser after step 4, 16 sequences read"))
      // its recipe makes it again
      let again = try Command.run(
        "train", "--recipe", "longer/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("again/model.safetensors") == desk.data("longer/model.safetensors"))

      for (flags, message) in [
        (["--steps", "3", "--model", "x"], "--model: expected nothing with --continue, found x"),
        ([], "--steps: expected steps or epochs, found neither"),
      ] {
        let wrong = try Command.run(["train", "--continue", "first", "--output", "wrong"] + flags, in: desk.folder)
        #expect(wrong.code == 64)
        #expect(wrong.errors.contains(message), "\(wrong.errors)")
      }
      let none = try Command.run("train", "--continue", "none", "--steps", "1", "--output", "wrong", in: desk.folder)
      #expect(none.errors.contains("none/recipe.yaml"), "\(none.errors)")
    }

    @Test func aContinuationIsResumedWithoutTheRunThatItContinues() throws {
      let desk = try Desk()
      try #require(try desk.train("first", "--learning-rate", "0.01").code == 0)
      let flags = ["train", "--continue", "first", "--steps", "300", "--checkpoint-every", "5"]
      let call = try Command(flags + ["--output", "longer"], in: desk.folder)
      try call.send(SIGINT, when: desk.path("longer/checkpoints/step-00000005"))
      #expect(try call.outcome().code == 130)
      let whole = try Command.run(flags + ["--output", "whole"], in: desk.folder)
      try #require(whole.code == 0, "\(whole.errors)")
      try FileManager.default.removeItem(atPath: desk.path("first"))
      let resumed = try Command.run("train", "--resume", "--output", "longer", in: desk.folder)
      try #require(resumed.code == 0, "\(resumed.errors)")
      #expect(try desk.data("longer/model.safetensors") == desk.data("whole/model.safetensors"))
    }

    @Test func aContinuationHoldsOutWhatItsRunHeldOut() throws {
      let desk = try Desk()
      try #require(try desk.train("first", "--validation-share", "0.2").code == 0)
      for (flags, message) in [
        (["--seed", "2"], "--seed: expected 0, by which first held out its validation text, found 2"),
        (["--validation-share", "0.1"], "--validation-share: expected 0.2, as in first, found 0.1"),
      ] {
        let wrong = try Command.run(
          ["train", "--continue", "first", "--steps", "1", "--output", "wrong"] + flags, in: desk.folder)
        #expect(wrong.code == 64 && wrong.errors.contains(message), "\(wrong.errors)")
        #expect(!desk.exists("wrong"))
      }
      let same = try Command.run("train", "--continue", "first", "--steps", "1", "--output", "same", in: desk.folder)
      #expect(same.code == 0, "\(same.errors)")
    }

    @Test func aStudentIsDistilledFurther() throws {
      let desk = try Desk()
      let first = try distil(desk, "student")
      try #require(first.code == 0, "\(first.errors)")
      #expect(first.errors.contains("student: "), "\(first.errors)")
      #expect(first.errors.contains("teacher: ../teacher, "), "\(first.errors)")
      #expect(first.errors.contains("objective: forward-kl, temperature 1, hard-label-weight 0"), "\(first.errors)")
      let longer = try Command.run(
        "distill", "--continue", "student", "--steps", "2", "--output", "longer", in: desk.folder)
      try #require(longer.code == 0, "\(longer.errors)")
      #expect(try desk.text("longer/recipe.yaml").contains("teacher:\n- ../teacher\n"))
      let weights = try Command.run("inspect", "student", "--json", in: desk.folder).output
      let digest = try #require(weights.firstMatch(of: /"weight_digest":"([0-9a-f]{64})"/)?.1)
      // those of the newest checkpoint, which are the same in float32
      #expect(try desk.text("longer/run.json").contains("\"continued_weights\" : \"\(digest)\""))

      let train = try Command.run(
        "train", "--continue", "student", "--steps", "2", "--output", "wrong", in: desk.folder)
      #expect(train.code == 1 && !desk.exists("wrong"))
      #expect(
        train.errors.contains(
          "student: expected a run of limbeck train, found one of limbeck distill; give: limbeck distill --continue"),
        "\(train.errors)")
      let resumed = try Command.run("train", "--output", "student", "--resume", in: desk.folder)
      #expect(resumed.errors.contains("give: limbeck distill --output student --resume"), "\(resumed.errors)")
    }

    @Test func aControlIsTheStudentWithoutItsTeacher() throws {
      let desk = try Desk()
      try #require(try distil(desk, "student", "--seed", "3", "--temperature", "2").code == 0)
      let control = try Command.run("train", "--control-of", "student", "--output", "control", in: desk.folder)
      try #require(control.code == 0, "\(control.errors)")
      #expect(control.errors.contains("settings of student but teacher, "), "\(control.errors)")
      let byHand = try Command.run(
        "train", "--model", "../small.json", "--tokenizer", "../tokenizer.model", "--text", "../text.txt", "--output",
        "hand", "--steps", "4", "--batch-size", "4", "--sequence-length", "16", "--learning-rate", "0.01", "--seed",
        "3", in: desk.folder)
      try #require(byHand.code == 0, "\(byHand.errors)")
      #expect(try desk.data("control/model.safetensors") == desk.data("hand/model.safetensors"))
      // the control's own recipe says of which student it is
      let again = try Command.run("train", "--recipe", "control/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("again/model.safetensors") == desk.data("control/model.safetensors"))
      // the student's recipe alone does not say which of both is meant
      let recipe = try Command.run(
        "train", "--recipe", "student/recipe.yaml", "--output", "other", in: desk.folder)
      #expect(recipe.code == 1)
      #expect(recipe.errors.contains("limbeck train --control-of RUN --output NEW"), "\(recipe.errors)")
      let both = try Command.run(
        "train", "--control-of", "student", "--resume", "--output", "other", in: desk.folder)
      #expect(both.code == 64)
    }

    @Test func aRunIsResumedAndMadeAgainFromAnywhere() throws {
      let desk = try Desk()
      let call = try Command(
        [
          "distill", "--teacher", "../teacher", "--student", "../small.json", "--text", "../text.txt",
          "--validation-text", "../held-out.txt", "--output", "run", "--steps", "300", "--batch-size", "4",
          "--sequence-length", "16", "--checkpoint-every", "5",
        ], in: desk.folder)
      try call.send(SIGINT, when: desk.path("run/checkpoints/step-00000005"))
      #expect(try call.outcome().code == 130)
      try FileManager.default.createDirectory(atPath: desk.path("a/b"), withIntermediateDirectories: true)
      let resumed = try Command.run("distill", "--resume", "--output", "../../run", in: desk.path("a/b"))
      try #require(resumed.code == 0, "\(resumed.errors)")
      #expect(
        resumed.errors.contains("seen from \(URL(fileURLWithPath: desk.folder).resolvingSymlinksInPath().path), where"),
        "\(resumed.errors)")
      let again = try Command.run(
        "distill", "--recipe", "../../run/recipe.yaml", "--output", "again", "--steps", "2", in: desk.path("a/b"))
      try #require(again.code == 0, "\(again.errors)")
      let report = try Command.run("report", "../../run", "--output", "report.html", in: desk.path("a/b"))
      #expect(report.code == 0, "\(report.errors)")
      // where there is nothing in either place, the recipe is named
      let yaml = try desk.text("run/recipe.yaml").replacing("../teacher", with: "../nobody")
      _ = try desk.write(yaml, to: "run/recipe.yaml")
      let missing = try Command.run(
        "distill", "--recipe", "../../run/recipe.yaml", "--output", "other", in: desk.path("a/b"))
      #expect(missing.code == 1)
      #expect(missing.errors.contains("recipe.yaml, line "), "\(missing.errors)")
      #expect(missing.errors.contains("expected a file or folder, found nothing at ../nobody"), "\(missing.errors)")
      #expect(missing.errors.contains("give its place with --teacher"), "\(missing.errors)")
    }

    @Test func theLastLineHasTheLoss() throws {
      let desk = try Desk()
      let short = try desk.train("short", "--validation-text", desk.workspace.heldOut)
      let line = try #require(short.errors.split(separator: "\n").last)
      #expect(
        line.contains(
          #/^wrote short: 4 steps, loss \d\.\d+ \(was \d\.\d+ at step 1\), validation loss \d\.\d+, validation perp/#),
        "\(line)")
      #expect(!short.errors.contains("diverged"))
      let wild = try desk.train("wild", "--learning-rate", "3", "--steps", "12")
      #expect(wild.code == 0, "\(wild.errors)")
      #expect(wild.errors.contains("warning: diverged: "), "\(wild.errors)")
      #expect(wild.errors.contains("try a lower --learning-rate than 3.0"), "\(wild.errors)")
    }

    @Test func keysOfRecipesMayHaveUnderscores() throws {
      let desk = try Desk()
      let file = try desk.write("batch_size: 2\nhidden_mse_weight: 1\n", to: "r.yaml")
      let outcome = try distil(desk, "run", "--recipe", file, "--align-layers", "last")
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(try desk.text("run/recipe.yaml").contains("hidden-mse-weight: 1\n"))
      let twice = try desk.write("batch_size: 2\nbatch-size: 4\n", to: "twice.yaml")
      let wrong = try distil(desk, "wrong", "--recipe", twice)
      #expect(wrong.errors.contains("given twice: batch-size"), "\(wrong.errors)")
      let near = try desk.write("batch-sice: 2\n", to: "near.yaml")
      let mistyped = try distil(desk, "wrong", "--recipe", near)
      #expect(
        mistyped.errors.hasSuffix("line 1: unknown key \"batch-sice\"; did you mean \"batch-size\"?\n"),
        "\(mistyped.errors)")
    }

    @Test func samplesAloneNeedNoText() throws {
      let desk = try Desk()
      let prompts = try desk.write("The old fox\nThe young queen found\n", to: "prompts.txt")
      let flags = [
        "distill", "--teacher", "../teacher", "--student", "../small.json", "--output", "run", "--batch-size", "4",
        "--sequence-length", "16", "--prompts", prompts, "--steps", "3",
      ]
      let outcome = try Command.run(flags + ["--on-policy", "1"], in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      let metrics = try desk.text("run/metrics.jsonl").split(separator: "\n")
      #expect(metrics.count == 3 && metrics.allSatisfy { $0.contains("\"on_policy\":true") })
      let last = try #require(outcome.errors.split(separator: "\n").last)
      #expect(last.contains(#/^wrote run: 3 steps, loss \d\.\d+ \(was \d\.\d+ at step 1\), /#), "\(last)")
      #expect(!outcome.errors.contains("diverged"))
      let half = try Command.run(flags + ["--on-policy", "0.5"], in: desk.folder)
      #expect(half.code == 64 && half.errors.contains("--text is missing"), "\(half.errors)")
    }

    @Test(arguments: [
      (["--temperature", "1e6"], "--temperature: expected at most 10000, found 1000000; above it"),
      (["--temperature", "cosine:1..20000"], "--temperature: expected at most 10000, found cosine:1..20000"),
      (["--temperature", "1e30"], "--temperature: expected at most 10000"),
      (["--soft-label-weight", "1e30"], "--soft-label-weight: expected a weight of at most 1000000"),
      (["--hidden-mse-weight", "2e6"], "--hidden-mse-weight: expected a weight of at most 1000000"),
      (["--divergence", "skew-forward-kl:0.999999999999"], "--divergence: expected one of"),
    ])
    func numbersThatFloat32DoesNotHoldAreRefused(flags: [String], message: String) throws {
      let desk = try Desk()
      let outcome = try Command.run(
        [
          "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.smallConfiguration, "--text",
          desk.workspace.text, "--output", "run", "--steps", "1",
        ] + flags, in: desk.folder)
      #expect(outcome.code == 64)
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
    }

    @Test func aCacheBringsItsTokenizer() throws {
      let desk = try Desk()
      let made = try Command.run(
        "cache-teacher", "--teacher", "../teacher", "--text", "../text.txt", "--output", "text.cache",
        "--sequence-length", "16", in: desk.folder)
      try #require(made.code == 0, "\(made.errors)")
      #expect(made.output.contains("\n  verdict "), "\(made.output)")
      let run = try Command.run(
        "distill", "--teacher-cache", "text.cache", "--student", "../small.json", "--text", "../text.txt", "--output",
        "run", "--steps", "2", "--batch-size", "4", "--sequence-length", "16", in: desk.folder)
      #expect(run.code == 0, "\(run.errors)")
      #expect(run.errors.contains("teacher: the cache text.cache\n"), "\(run.errors)")
    }
  }
}
