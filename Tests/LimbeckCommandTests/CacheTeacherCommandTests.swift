import Foundation
import Testing

extension CommandTests {
  @Suite struct CachedLogits {
    private func cache(_ desk: Desk, _ output: String, _ flags: String...) throws -> Outcome {
      try Command.run(
        [
          "cache-teacher", "--teacher", desk.workspace.teacher, "--text", desk.workspace.text, "--output", output,
          "--sequence-length", "16",
        ] + flags, in: desk.folder)
    }

    private func distill(_ desk: Desk, _ output: String, cache: String, _ flags: String...) throws -> Outcome {
      try Command.run(
        [
          "distill", "--teacher-cache", cache, "--student", desk.workspace.smallConfiguration, "--tokenizer",
          desk.workspace.tokenizer, "--text", desk.workspace.text, "--output", output, "--steps", "4", "--batch-size",
          "4", "--sequence-length", "16",
        ] + flags, in: desk.folder)
    }

    /// The value that a line of the report begins with.
    private func fact(_ name: String, in outcome: Outcome) throws -> Double {
      let line = try #require(outcome.output.split(separator: "\n").first { $0.hasPrefix("\(name)  ") })
      let value = line.dropFirst(name.count).split(separator: " ").first ?? ""
      return try #require(Double(value.replacing(",", with: "")))
    }

    @Test(arguments: [
      ("top-k", ["--k", "8"], 25.5), ("top-k-tail", ["--k", "8"], 27.5), ("sampled", ["--draws", "20"], 26),
      ("dense16", [], 601),
    ])
    func everyMethodIsCachedAndLearntFrom(method: String, flags: [String], mostBytes: Double) throws {
      let desk = try Desk()
      let made = try Command.run(
        [
          "cache-teacher", "--teacher", desk.workspace.teacher, "--text", desk.workspace.text, "--output", "text.cache",
          "--sequence-length", "16", "--method", method, "--temperature", "1.5",
        ] + flags, in: desk.folder)
      try #require(made.code == 0, "\(made.errors)")
      #expect(try fact("bytes per token", in: made) < mostBytes + 1, "\(made.output)")
      #expect(try fact("  gradient off by", in: made) < (method == "dense16" ? 0.2 : 1_000), "\(made.output)")
      let run = try distill(desk, "run", cache: "text.cache")
      try #require(run.code == 0, "\(run.errors)")
      let recipe = try desk.text("run/recipe.yaml")
      #expect(recipe.contains("teacher-cache: text.cache\n") && recipe.contains("temperature: 1.5\n"))
      #expect(try desk.text("run/metrics.jsonl").contains("\"divergence\""))
      // the recipe makes the run again
      let again = try Command.run("distill", "--recipe", "run/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("again/model.safetensors") == desk.data("run/model.safetensors"))
    }

    /// Sequences are cut as the cache's are, which stay where they are.
    @Test func theTextIsPackedAsTheCacheSays() throws {
      let desk = try Desk()
      try #require(cache(desk, "text.cache").code == 0)
      try #require(cache(desk, "plain.cache", "--no-sequence-bos").code == 0)
      #expect(try desk.text("text.cache/cache.json").contains("\"beginning_id\""))
      #expect(try !desk.text("plain.cache/cache.json").contains("\"beginning_id\""))
      for name in ["shifted", "documents"] {
        let outcome = try distill(desk, "run", cache: "text.cache", "--packing", name)
        #expect(outcome.code != 0)
        #expect(
          outcome.errors.contains("--packing: expected fixed, as in the teacher cache, found \(name)"),
          "\(outcome.errors)")
      }
      let outcome = try distill(desk, "run", cache: "text.cache", "--no-sequence-bos")
      #expect(outcome.code != 0 && outcome.errors.contains("--no-sequence-bos: expected BOS"), "\(outcome.errors)")
      for (name, flags) in [("text", ["--packing", "fixed"]), ("plain", ["--no-sequence-bos"])] {
        let run = try Command.run(
          [
            "distill", "--teacher-cache", "\(name).cache", "--student", desk.workspace.smallConfiguration,
            "--tokenizer", desk.workspace.tokenizer, "--text", desk.workspace.text, "--output", name, "--steps", "2",
            "--batch-size", "2", "--sequence-length", "16",
          ] + flags, in: desk.folder)
        #expect(run.code == 0, "\(run.errors)")
      }
    }

    /// The control learns the sequences that the cache has, which the settings of the run do not say.
    @Test func aControlLearnsTheSequencesOfTheCache() throws {
      let desk = try Desk()
      try #require(cache(desk, "text.cache").code == 0)
      try #require(distill(desk, "run", cache: "text.cache").code == 0)
      let control = try Command.run("train", "--control-of", "run", "--output", "control", in: desk.folder)
      try #require(control.code == 0, "\(control.errors)")
      let byHand = try desk.train("hand", "--packing", "fixed")
      try #require(byHand.code == 0, "\(byHand.errors)")
      #expect(try desk.data("control/model.safetensors") == desk.data("hand/model.safetensors"))
      for (flags, code, message) in [
        (["--packing", "shifted"], 64, "--packing: expected fixed, as in the teacher cache, found shifted"),
        (["--no-sequence-bos"], 64, "--no-sequence-bos: expected BOS"),
        (["--sequence-length", "8"], 64, "--sequence-length: expected 16, as in the teacher cache, found 8"),
        (["--validation-share", "0.1"], 64, "--validation-share: expected nothing with --sequences-of, found 0.1"),
        (["--text", desk.workspace.heldOut], 1, "text.cache: token digest of "),
      ] {
        let refused = try Command.run(
          ["train", "--control-of", "run", "--output", "other"] + flags, in: desk.folder)
        #expect(refused.code == Int32(code) && refused.errors.contains(message), "\(flags): \(refused.errors)")
        #expect(!desk.exists("other"))
      }
      let missing = try desk.train("other", "--sequences-of", "missing.cache")
      #expect(missing.code == 1 && missing.errors.contains("missing.cache is no cache"), "\(missing.errors)")
    }

    @Test func theBiasIsToldInOneObject() throws {
      let desk = try Desk()
      let (text, json) = (try cache(desk, "text.cache"), try cache(desk, "other.cache", "--json"))
      try #require(text.code == 0 && json.code == 0, "\(json.errors)")
      let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
      #expect(object["recorded"] == nil && object["method"] as? String == "sampled, 50 draws")
      #expect(object["tokens"] as? Double == (try fact("tokens", in: text)))
      #expect(object["bytes"] as? Double == (try fact("bytes", in: text)))
      let comparison = try #require(object["comparison"] as? [String: Any])
      #expect(comparison["tokens"] as? Double == (try fact("compared", in: text)))
      #expect(abs((comparison["teacher_loss"] as? Double ?? 0) - (try fact("  loss, teacher", in: text))) < 1e-5)
      #expect(
        abs(100 * (comparison["gradient_difference"] as? Double ?? 0) - (try fact("  gradient off by", in: text)))
          < 1e-3)
      #expect(comparison["is_good"] as? Bool == text.output.contains("good: errors average out"))
    }

    @Test func aKilledCacheIsFinishedWithTheSameBytes() throws {
      let desk = try Desk()
      // several files of 32,768 tokens
      let texts = Array(repeating: desk.workspace.text, count: 14)
      let arguments = { (output: String) in
        ["cache-teacher", "--teacher", desk.workspace.teacher, "--text"] + texts
          + ["--output", desk.path(output), "--sequence-length", "16", "--method", "top-k", "--k", "32"]
      }
      let whole = try Command.run(arguments("whole"))
      try #require(whole.code == 0, "\(whole.errors)")
      let names = try FileManager.default.contentsOfDirectory(atPath: desk.path("whole"))
      try #require(names.count > 3)

      for (name, signal) in [("killed", SIGKILL), ("stopped", SIGINT)] {
        let call = try Command(arguments(name))
        try call.send(signal, when: desk.path("\(name)/shard-000000.rows"))
        let outcome = try call.outcome()
        #expect(outcome.code == (signal == SIGKILL ? SIGKILL : 130))
        let unfinished = try distill(desk, "run", cache: name)
        #expect(unfinished.code == 1 && unfinished.errors.contains("files are there"), "\(unfinished.errors)")
        #expect(!desk.exists("run"))
        let resumed = try Command.run(arguments(name) + ["--resume"])
        try #require(resumed.code == 0, "\(resumed.errors)")
        #expect(resumed.output == whole.output)
        #expect(try FileManager.default.contentsOfDirectory(atPath: desk.path(name)).sorted() == names.sorted())
        for file in names { #expect(try desk.data("\(name)/\(file)") == desk.data("whole/\(file)"), "\(file)") }
      }
    }

    @Test func resumedRunsFromACacheEndInTheSameBytes() throws {
      let desk = try Desk()
      try #require(try cache(desk, "text.cache").code == 0)
      let flags = ["--steps", "300", "--checkpoint-every", "10", "--validation-text", desk.workspace.text]
      let whole = try distill(desk, "whole", cache: "text.cache", flags[0], flags[1], flags[2], flags[3])
      try #require(whole.code == 0, "\(whole.errors)")
      let call = try Command(
        [
          "distill", "--teacher-cache", "text.cache", "--student", desk.workspace.smallConfiguration, "--tokenizer",
          desk.workspace.tokenizer, "--text", desk.workspace.text, "--output", "killed", "--batch-size", "4",
          "--sequence-length", "16",
        ] + flags[..<4], in: desk.folder)
      try call.send(SIGKILL, when: desk.path("killed/checkpoints/step-00000020"))
      #expect(try call.outcome().code == SIGKILL)
      let resumed = try Command.run("distill", "--output", "killed", "--resume", in: desk.folder)
      #expect(resumed.code == 0, "\(resumed.errors)")
      #expect(try desk.data("killed/model.safetensors") == desk.data("whole/model.safetensors"))
    }

    @Test func validationIsByItsOwnCacheOrCrossEntropyAlone() throws {
      let desk = try Desk()
      try #require(try cache(desk, "text.cache").code == 0)
      let held = try Command.run(
        "cache-teacher", "--teacher", desk.workspace.teacher, "--text", desk.workspace.heldOut, "--output",
        "held-out.cache", "--sequence-length", "16", "--method", "dense16", "--validation", in: desk.folder)
      try #require(held.code == 0, "\(held.errors)")
      let with = try distill(
        desk, "with", cache: "text.cache", "--validation-text", desk.workspace.heldOut, "--validation-teacher-cache",
        "held-out.cache", "--teacher", desk.workspace.teacher, "--hard-label-weight", "0.5")
      try #require(with.code == 0, "\(with.errors)")
      #expect(with.errors.contains("validation loss") && with.errors.contains(", divergence "))
      let without = try distill(
        desk, "without", cache: "text.cache", "--validation-text", desk.workspace.heldOut, "--hard-label-weight", "0.5")
      try #require(without.code == 0, "\(without.errors)")
      #expect(without.errors.contains("validation loss") && !without.errors.contains(", divergence "))
      // the measured text changes nothing of what is learnt
      #expect(try desk.data("with/model.safetensors") == desk.data("without/model.safetensors"))
    }

    @Test func aCacheThatDoesNotFitIsRefusedBeforeAnythingIsWritten() throws {
      let desk = try Desk()
      try #require(try cache(desk, "text.cache").code == 0)
      let other = try desk.copyOfTeacher("other")
      let weights = URL(fileURLWithPath: "\(other)/model.safetensors")
      var bytes = try Data(contentsOf: weights)
      bytes[bytes.count - 1] ^= 1
      try bytes.write(to: weights)
      let cases: [(flags: [String], texts: [String])] = [
        (["--temperature", "2"], ["text.cache: temperature: expected 2.0", "found 1.0"]),
        (["--sequence-length", "8"], ["text.cache: sequence length: expected 8", "found 16"]),
        (["--text", desk.workspace.heldOut], ["text.cache: token digest of "]),
        (["--teacher", other], ["text.cache: teacher digest: "]),
        (["--divergence", "reverse-kl"], ["forward KL", "dense16"]),
        (["--teacher-cache", "missing.cache"], ["missing.cache is no cache"]),
        (
          ["--validation-text", desk.workspace.heldOut, "--validation-teacher-cache", "text.cache"],
          ["token digest of "]
        ),
      ]
      for (flags, texts) in cases {
        let outcome = try Command.run(
          [
            "distill", "--teacher-cache", "text.cache", "--student", desk.workspace.smallConfiguration, "--tokenizer",
            desk.workspace.tokenizer, "--text", desk.workspace.text, "--output", "run", "--steps", "1", "--batch-size",
            "4", "--sequence-length", "16",
          ] + flags, in: desk.folder)
        #expect(outcome.code == 1 && outcome.output.isEmpty, "\(flags): \(outcome.errors)")
        for text in texts { #expect(outcome.errors.contains(text), "\(flags): \(outcome.errors)") }
        #expect(!desk.exists("run"))
      }
      // another tokenizer
      let made = try Command.run(
        "tokenizer", "train", "--text", desk.workspace.heldOut, "--output", "other.model", "--vocabulary-size", "300",
        "--algorithm", "bpe", in: desk.folder)
      try #require(made.code == 0, "\(made.errors)")
      let outcome = try distill(desk, "run", cache: "text.cache", "--tokenizer", "other.model")
      #expect(outcome.code == 1 && outcome.errors.contains("text.cache: tokenizer digest: "), "\(outcome.errors)")
      #expect(!desk.exists("run"))
    }

    @Test(arguments: [
      (["cache-logits", "--teacher", "x"], "'limbeck cache-logits' is called 'limbeck cache-teacher' now"),
      (["distill", "--cached-logits", "x"], "--cached-logits is called --teacher-cache now"),
      (["distill", "--cached-logits=x"], "--cached-logits is called --teacher-cache now"),
      (
        ["distill", "--validation-cached-logits", "x"],
        "--validation-cached-logits is called --validation-teacher-cache now"
      ),
    ])
    func oldNamesAreRefusedWithTheNewOnes(arguments: [String], message: String) throws {
      let outcome = try Command.run(arguments)
      #expect(outcome.code == 64 && outcome.output.isEmpty)
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
    }

    @Test func aCacheCutShortIsRefusedAndRepaired() throws {
      let desk = try Desk()
      try #require(try cache(desk, "text.cache").code == 0)
      let file = desk.path("text.cache/shard-000000.rows")
      let whole = try Data(contentsOf: URL(fileURLWithPath: file))
      for count in [0, 100, 160, whole.count / 2, whole.count - 1] {
        try whole.prefix(count).write(to: URL(fileURLWithPath: file))
        let outcome = try distill(desk, "run", cache: "text.cache")
        #expect(outcome.code == 1 && outcome.errors.contains("shard-000000.rows"), "\(outcome.errors)")
        #expect(outcome.errors.contains("cut short or damaged") && !desk.exists("run"))
      }
      let repaired = try cache(desk, "text.cache", "--resume")
      #expect(repaired.code == 0, "\(repaired.errors)")
      #expect(try desk.data("text.cache/shard-000000.rows") == whole)
    }

    @Test func whatCannotBeCachedIsRefusedBeforeAnythingIsWritten() throws {
      let desk = try Desk()
      for (flags, text) in [
        (["--method", "top-k", "--k", "301"], "k: expected from 1 to the vocabulary's 300 tokens, found 301"),
        (["--sequence-length", "65"], "expected at most 64, the context of the teacher, found 65"),
        (["--text", desk.path("none.txt")], "none.txt"),
        (["--teacher", desk.path("none")], "none"),
      ] {
        let outcome = try Command.run(
          [
            "cache-teacher", "--teacher", desk.workspace.teacher, "--text", desk.workspace.text, "--output",
            "text.cache",
          ] + (flags.contains("--sequence-length") ? [] : ["--sequence-length", "16"]) + flags, in: desk.folder)
        #expect(outcome.code == 1 && outcome.errors.contains(text), "\(outcome.errors)")
        #expect(!desk.exists("text.cache"))
      }
      try #require(try cache(desk, "text.cache").code == 0)
      let again = try cache(desk, "text.cache")
      #expect(again.code == 1 && again.errors.contains("--resume"), "\(again.errors)")
      let different = try cache(desk, "text.cache", "--resume", "--draws", "51")
      #expect(different.code == 1)
      #expect(different.errors.contains("text.cache: method: expected sampled, 51 draws"), "\(different.errors)")
      let reseeded = try cache(desk, "text.cache", "--resume", "--seed", "3")
      #expect(reseeded.errors.contains("seed: expected 3, found 0"), "\(reseeded.errors)")
    }
  }
}
