import Foundation
import Limbeck
import TestSupport
import Testing

extension CommandTests {
  /// `--lora-rank` and `limbeck merge`.
  @Suite struct Adapters {
    private let desk: Desk

    init() throws { desk = try Desk() }

    private func adapt(_ output: String, _ flags: [String]) throws -> Outcome {
      try Command.run(
        [
          "train", "--model", desk.workspace.teacher, "--text", desk.workspace.text, "--output", output, "--steps", "4",
          "--batch-size", "4", "--sequence-length", "16", "--learning-rate", "1e-2",
        ] + flags, in: desk.folder)
    }

    private func output(_ arguments: String...) throws -> String {
      let outcome = try Command.run(arguments, in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      return outcome.output
    }

    @Test func aFolderOfAdaptersStandsForTheModelWhereverOneIsRead() throws {
      let run = try adapt("adapted", ["--lora-rank", "2", "--lora-targets", "value,query,down"])
      try #require(run.code == 0, "\(run.errors)")
      #expect(run.errors.contains("of query, value, down; the weights stay as they are"), "\(run.errors)")
      #expect(!desk.exists("adapted/model.safetensors") && desk.exists("adapted/adapter_model.safetensors"))
      let recipe = try desk.text("adapted/recipe.yaml")
      #expect(recipe.contains("lora-rank: 2\n") && recipe.contains("lora-targets: query,value,down\n"))
      let again = try Command.run("train", "--recipe", "adapted/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(
        try desk.data("again/adapter_model.safetensors") == desk.data("adapted/adapter_model.safetensors"))

      let merged = try output("merge", "--adapter", "adapted", "--output", "merged")
      #expect(merged.contains("rank 2, alpha 32, of query, value, down, 3 modules"), "\(merged)")
      let text = ["--text", desk.workspace.heldOut, "--window", "16", "--json"]
      func natsPerToken(_ model: String) throws -> Double {
        let outcome = try Command.run(["perplexity", "--model", model] + text, in: desk.folder)
        try #require(outcome.code == 0, "\(outcome.errors)")
        let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
        return try #require(json?["nats_per_token"] as? Double)
      }
      let (apart, whole, base) = try (
        natsPerToken("adapted"), natsPerToken("merged"), natsPerToken(desk.workspace.teacher)
      )
      #expect(abs(apart - whole) < 1e-5 && abs(apart - base) > 1e-3)
      let prompt = ["--prompt", "The old", "--max-tokens", "8", "--temperature", "0"]
      let samples = try ["adapted", "merged"].map { model in
        let outcome = try Command.run(["generate", "--model", model] + prompt, in: desk.folder)
        try #require(outcome.code == 0, "\(outcome.errors)")
        return outcome.output
      }
      #expect(samples[0] == samples[1])
      #expect(try output("inspect", "adapted").contains("rank 2, alpha 32, of query, value, down; of "))
      let comparison = try output(
        "compare", "--teacher", "merged", "--student", "adapted", "--text", desk.workspace.heldOut)
      #expect(comparison.contains("adapted"))
      let student = try Command.run(
        "distill", "--teacher", "adapted", "--student", desk.workspace.smallConfiguration, "--text",
        desk.workspace.text, "--output", "student", "--steps", "2", "--batch-size", "4", "--sequence-length", "16",
        in: desk.folder)
      #expect(student.code == 0, "\(student.errors)")
      // without --lora-rank all weights are trained, the adapters merged into them
      let trained = try Command.run(
        "train", "--model", "adapted", "--text", desk.workspace.text, "--output", "trained", "--steps", "1",
        "--batch-size", "4", "--sequence-length", "16", "--learning-rate", "1e-30", in: desk.folder)
      try #require(trained.code == 0, "\(trained.errors)")
      #expect(
        trained.errors.contains("all weights of which are trained, for there is no --lora-rank"), "\(trained.errors)")
      #expect(try desk.data("trained/model.safetensors") == desk.data("merged/model.safetensors"))
    }

    @Test func aRunIsResumedAndContinued() throws {
      let flags = ["--lora-rank", "2", "--schedule", "constant"]
      for (output, steps) in [("whole", "6"), ("first", "2")] {
        let run = try adapt(output, flags + ["--steps", steps, "--checkpoint-every", "2"])
        try #require(run.code == 0, "\(run.errors)")
      }
      let second = try Command.run(
        "train", "--continue", "first", "--steps", "4", "--output", "second", in: desk.folder)
      try #require(second.code == 0, "\(second.errors)")
      #expect(
        try desk.data("second/adapter_model.safetensors") == desk.data("whole/adapter_model.safetensors"))
      // what a killed run leaves
      var manifest = try #require(
        try JSONSerialization.jsonObject(with: desk.data("whole/run.json")) as? [String: Any])
      manifest["result"] = nil
      _ = try desk.write(JSONSerialization.data(withJSONObject: manifest), to: "whole/run.json")
      let expected = try desk.data("whole/adapter_model.safetensors")
      for name in ["adapter_model.safetensors", "checkpoints/step-00000006"] {
        try FileManager.default.removeItem(atPath: desk.path("whole/\(name)"))
      }
      let unfinished = try Command.run(
        "perplexity", "--model", "whole", "--text", desk.workspace.heldOut, in: desk.folder)
      #expect(unfinished.code == 0 && unfinished.errors.contains("its newest checkpoint is taken, of step 4"))
      let resumed = try Command.run("train", "--output", "whole", "--resume", in: desk.folder)
      try #require(resumed.code == 0 && resumed.errors.contains("continuing after step 4"), "\(resumed.errors)")
      #expect(try desk.data("whole/adapter_model.safetensors") == expected)
    }

    /// Weights that stay as they are have neither gradients nor moments.
    @Test func thePlanIsOfTheAdapters() throws {
      func plan(_ flags: [String]) throws -> String {
        let outcome = try adapt("planned", flags + ["--plan"])
        try #require(outcome.code == 0, "\(outcome.errors)")
        #expect(!desk.exists("planned"))
        return outcome.output
      }
      let (all, adapters) = (try plan([]), try plan(["--lora-rank", "1"]))
      func row(_ name: String, _ plan: String) -> Substring? {
        plan.split(separator: "\n").first { $0.hasPrefix(name) }
      }
      for name in ["weights", "gradients", "moments"] {
        #expect(try #require(row(name, all)) != #require(row(name, adapters)), "\(all) \(adapters)")
      }
      let refused = try adapt("planned", ["--lora-rank", "33", "--plan"])
      #expect(refused.code == 64 && refused.errors.contains("--lora-rank: expected 1 to 32"), "\(refused.errors)")
      let student = try Command.run(
        "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.teacher, "--lora-rank", "1",
        "--text", desk.workspace.text, "--output", "planned", "--steps", "2", "--sequence-length", "16", "--recompute",
        in: desk.folder)
      #expect(student.code == 0, "\(student.errors)")
    }

    @Test func aStudentIsAdapted() throws {
      let run = try Command.run(
        "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.teacher, "--lora-rank", "1",
        "--text", desk.workspace.text, "--output", "student", "--steps", "2", "--batch-size", "4",
        "--sequence-length", "16", in: desk.folder)
      try #require(run.code == 0, "\(run.errors)")
      #expect(run.errors.contains("adapters: "))
      #expect(desk.exists("student/adapter_config.json"))
    }

    @Test func badInputIsRefused() throws {
      let outcomes: [([String], String)] = [
        (["--lora-rank", "0"], "--lora-rank: expected at least 1, found 0"),
        (["--lora-rank", "33"], "--lora-rank: expected 1 to 32, the model's hidden size, found 33"),
        (["--lora-rank", "x"], "--lora-rank: expected a whole number, found \"x\""),
        (["--lora-alpha", "3"], "--lora-alpha: expected --lora-rank beside it, found 3.0"),
        (["--lora-targets", "query"], "--lora-targets: expected --lora-rank beside it, found query"),
        (["--lora-rank", "2", "--lora-alpha", "-1"], "--lora-alpha: expected a number above 0, found -1.0"),
        (
          ["--lora-rank", "2", "--lora-targets", "query,head"],
          "--lora-targets: expected names with commas between, out of query,key,value,output,gate,up,down, found "
            + "\"query,head\""
        ),
        (["--lora-rank", "2", "--lora-alpha", "1e39"], "--lora-alpha: expected a number above 0, found 1e+39"),
        (
          ["--lora-rank", "2", "--model", desk.workspace.smallConfiguration, "--tokenizer", desk.workspace.tokenizer],
          "--lora-rank: expected a model to adapt, a folder or a .gguf file, found a fresh one"
        ),
      ]
      for (flags, message) in outcomes {
        let refused = try adapt("wrong", flags)
        #expect(refused.code == 64 && refused.errors.contains(message), "\(refused.errors)")
        #expect(!desk.exists("wrong"))
      }
      let whole = try Command.run(
        "merge", "--adapter", desk.workspace.teacher, "--output", "wrong", in: desk.folder)
      #expect(whole.code == 1 && whole.errors.contains("expected a folder of adapters"), "\(whole.errors)")
      try #require(try adapt("adapted", ["--lora-rank", "2"]).code == 0)
      let other = try Command.run(
        "train", "--model", desk.workspace.smallConfiguration, "--tokenizer", desk.workspace.tokenizer, "--text",
        desk.workspace.text, "--output", "other", "--steps", "1", "--sequence-length", "16", in: desk.folder)
      try #require(other.code == 0, "\(other.errors)")
      let foreign = try Command.run(
        "merge", "--adapter", "adapted", "--model", "other", "--output", "wrong", in: desk.folder)
      #expect(foreign.code == 1 && foreign.errors.contains("the adapters belong to another model"), "\(foreign.errors)")
      let vocabulary = try Command.run(
        "vocabulary", "--from", "adapted", "--text", desk.workspace.text, "--output", "wrong", in: desk.folder)
      #expect(vocabulary.code == 1 && vocabulary.errors.contains("merge them first"), "\(vocabulary.errors)")
      #expect(!desk.exists("wrong"))
      let stands = try Command.run("merge", "--adapter", "adapted", "--output", "other", in: desk.folder)
      #expect(stands.code == 1 && stands.errors.contains("exists already"), "\(stands.errors)")
    }
  }
}
