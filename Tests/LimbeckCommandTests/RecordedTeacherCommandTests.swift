import Foundation
import TestSupport
import Testing
import Tokenization

extension CommandTests {
  /// Caches of teachers that ran elsewhere, and students that learn from them.
  @Suite struct RecordedTeachers {
    private func fixture(_ name: String) -> String {
      ModelFixture.root.appendingPathComponent("recorded/\(name)").path
    }

    private func cache(_ desk: Desk, _ flags: [String], tokenizer: String = "tokenizer.model") throws -> Outcome {
      try Command.run(
        ["cache-teacher", "--tokenizer", fixture(tokenizer), "--output", "made.cache"] + flags, in: desk.folder)
    }

    private func distill(_ desk: Desk, _ output: String, _ flags: String...) throws -> Outcome {
      try Command.run(
        [
          "distill", "--teacher-cache", "made.cache", "--student", desk.path("student.json"), "--output", output,
          "--steps", "60", "--batch-size", "3", "--learning-rate", "1e-2",
        ] + flags, in: desk.folder)
    }

    @Test(arguments: [
      ["--from-kld", "text.kld", "--text", "text.txt"],
      ["--from-kld", "text.kld", "--text", "text.txt", "--method", "dense16", "--temperature", "2"],
      ["--from-logprobs", "completions.jsonl"], ["--from-logprobs", "prompt_logprobs.jsonl", "--k", "3"],
      ["--from-logprobs", "native.jsonl", "--method", "top-k", "--sequence-length", "40"],
    ])
    func aStudentLearnsFromThem(flags: [String]) throws {
      let desk = try Desk()
      _ = try desk.write(Workspace.configuration(hiddenSize: 16, vocabularySize: 61), to: "student.json")
      let made = try cache(desk, flags.map { $0.contains(".") ? fixture($0) : $0 })
      try #require(made.code == 0, "\(made.errors)")
      #expect(made.output.contains("perplexity"), "\(made.output)")
      let isKLD = flags[0] == "--from-kld"
      #expect(made.output.contains(isKLD ? "3 of 16 tokens" : "tokens listed"), "\(made.output)")
      #expect(made.output.contains("below its floor") == isKLD)
      let run = try distill(desk, "run")
      try #require(run.code == 0, "\(run.errors)")
      let losses = try losses(desk, "run")
      #expect(try #require(losses.last) < 0.7 * losses[0])
      #expect(run.errors.contains("epochs"), "\(run.errors)")
      // the recipe makes the run again
      let again = try Command.run("distill", "--recipe", "run/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("again/model.safetensors") == desk.data("run/model.safetensors"))
      let text = try distill(desk, "other", "--text", desk.workspace.text)
      #expect(text.code == 64 && text.errors.contains("--text: expected none, for the teacher cache holds its text"))
      let plain = try distill(desk, "other", "--no-sequence-bos")
      #expect(plain.code == 64 && plain.errors.contains("--no-sequence-bos: expected nothing, for the teacher cache"))
      #expect(!desk.exists("other"))
    }

    /// The control of such a run learns the cache's own tokens, of the same sequences in the same order: its loss is
    /// the cross-entropy of a student of both.
    @Test(arguments: [
      ["--from-kld", "text.kld", "--text", "text.txt"], ["--from-logprobs", "completions.jsonl"],
    ])
    func aControlLearnsTheirText(flags: [String]) throws {
      let desk = try Desk()
      _ = try desk.write(Workspace.configuration(hiddenSize: 16, vocabularySize: 61), to: "student.json")
      let made = try cache(desk, flags.map { $0.contains(".") ? fixture($0) : $0 })
      try #require(made.code == 0, "\(made.errors)")
      let run = try distill(desk, "run", "--batch-size", "1", "--hard-label-weight", "1")
      try #require(run.code == 0, "\(run.errors)")
      let control = try Command.run("train", "--control-of", "run", "--output", "control", in: desk.folder)
      try #require(control.code == 0, "\(control.errors)")
      #expect(control.errors.contains("settings of run but divergence, "), "\(control.errors)")
      let (losses, own) = (try self.losses(desk, "run"), try self.losses(desk, "control"))
      #expect(losses.count == 60 && own.count == 60)
      for (expected, found) in zip(losses, own).prefix(12) { #expect(abs(expected - found) < 1e-4) }

      // it is made again, and gone on with, without the flag
      let again = try Command.run("train", "--recipe", "control/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("again/model.safetensors") == desk.data("control/model.safetensors"))
      let long = ["train", "--control-of", "run", "--steps", "400", "--checkpoint-every", "5", "--output"]
      try #require(try Command.run(long + ["long"], in: desk.folder).code == 0)
      let call = try Command(long + ["stopped"], in: desk.folder)
      try call.send(SIGINT, when: desk.path("stopped/checkpoints/step-00000005"))
      #expect(try call.outcome().code == 130)
      let resumed = try Command.run("train", "--resume", "--output", "stopped", in: desk.folder)
      try #require(resumed.code == 0, "\(resumed.errors)")
      #expect(try desk.data("stopped/model.safetensors") == desk.data("long/model.safetensors"))

      for (flags, message) in [
        (["--text", desk.workspace.text], "--text: expected none, for the teacher cache holds its text"),
        (["--sequence-length", "8"], "--sequence-length: expected "),
        (["--packing", "fixed"], "--packing: expected documents, as in the teacher cache, found fixed"),
      ] {
        let refused = try Command.run(["train", "--control-of", "run", "--output", "other"] + flags, in: desk.folder)
        #expect(refused.code == 64 && refused.errors.contains(message), "\(refused.errors)")
        #expect(!desk.exists("other"))
      }
    }

    private func losses(_ desk: Desk, _ run: String) throws -> [Double] {
      try desk.text("\(run)/metrics.jsonl").split(separator: "\n").compactMap { line in
        (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["loss"] as? Double
      }
    }

    /// The numbers of the fixture, which PyTorch and numpy made, as one object.
    @Test(arguments: ["text.kld", "completions.jsonl"]) func whatACacheHoldsIsOneObject(file: String) throws {
      let desk = try Desk()
      let isKLD = file == "text.kld"
      let made = try cache(
        desk,
        (isKLD ? ["--from-kld", fixture(file), "--text", fixture("text.txt")] : ["--from-logprobs", fixture(file)])
          + ["--method", isKLD ? "dense16" : "top-k-tail", "--json"])
      try #require(made.code == 0, "\(made.errors)")
      #expect(made.output.hasSuffix("}\n") && made.output.count { $0 == "\n" } == 1)
      func members(_ json: Data) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
      }
      let object = try members(Data(made.output.utf8))
      let numbers = try members(Data(contentsOf: URL(fileURLWithPath: fixture("expected.json"))))
      let group = numbers[isKLD ? "kld" : "logprobs"] as? [String: [String: Double]]
      let expected = try #require(group?[isKLD ? "text" : "completions"])
      #expect(object["path"] as? String == "made.cache" && object["temperature"] as? Double == 1)
      #expect(object["method"] as? String == (isKLD ? "dense16" : "top-k-tail, k 5"))
      #expect(object["tokens"] as? Double == expected["tokens"])
      #expect(try object["bytes"] as? Int == desk.data("made.cache/shard-000000.rows").count)
      #expect(object["files"] as? Int == 1 && (object["seconds"] as? Double ?? 0) > 0)
      #expect((object["sequences"] as? Int ?? 0) > 0 && (object["sequence_length"] as? Int ?? 0) > 0)
      #expect(object["comparison"] == nil)
      let recorded = try #require(object["recorded"] as? [String: Double])
      #expect(abs(try #require(recorded["nats_per_token"]) - (expected["cross_entropy"] ?? 0)) < 2e-4)
      if isKLD {
        #expect(recorded["documents"] == 3 && recorded["chunk_length"] == 16 && recorded["floor"] == 16)
        #expect(abs(try #require(recorded["mass_at_floor"]) - (expected["below_floor"] ?? 0)) < 2e-5)
        #expect(object["sequences"] as? Int == 3 && object["sequence_length"] as? Int == 16)
      } else {
        #expect(recorded["least_listed"] == 5 && (recorded["mass_not_listed"] ?? 0) > 0)
      }
    }

    /// A file that was made of the beginning of its text says so.
    @Test func howMuchOfTheTextThereIsIsTold() throws {
      let desk = try Desk()
      let text = try String(contentsOfFile: fixture("text.txt"), encoding: .utf8)
      let part = try cache(desk, ["--from-kld", fixture("text.kld"), "--text", fixture("text.txt")])
      try #require(part.code == 0, "\(part.errors)")
      #expect(part.output.contains("of the text      48 of 216 tokens, 22.2 %\n"), "\(part.output)")
      #expect(part.errors.contains("text.kld: has 48 of the ") && part.errors.contains("without --chunks"))
      try FileManager.default.removeItem(atPath: desk.path("made.cache"))
      // what does not fill a chunk is never there
      let tokenizer = try loadTokenizer(from: URL(fileURLWithPath: fixture("tokenizer.model")))
      let beginnings = (1...text.count).map { String(text.prefix($0)) }
      let beginning = try #require(beginnings.first { tokenizer.encode($0).count >= 60 })
      let whole = try cache(
        desk, ["--from-kld", fixture("text.kld"), "--text", desk.write(beginning, to: "beginning.txt")])
      try #require(whole.code == 0, "\(whole.errors)")
      #expect(whole.output.contains("of the text      48 of 6") && !whole.errors.contains("warning"), "\(whole.output)")
    }

    @Test func nothingIsOverwrittenAndTheRestIsMade() throws {
      let desk = try Desk()
      let flags = ["--from-logprobs", fixture("echo.jsonl")]
      let made = try cache(desk, flags)
      try #require(made.code == 0, "\(made.errors)")
      let again = try cache(desk, flags)
      #expect(again.code == 1 && again.errors.contains("--resume"), "\(again.errors)")
      let rows = try desk.data("made.cache/shard-000000.rows")
      try FileManager.default.removeItem(atPath: desk.path("made.cache/shard-000000.rows"))
      let resumed = try cache(desk, flags + ["--resume"])
      #expect(resumed.code == 0 && resumed.output == made.output, "\(resumed.errors)")
      #expect(try desk.data("made.cache/shard-000000.rows") == rows)
      let other = try cache(desk, ["--from-logprobs", fixture("chat.jsonl"), "--resume"])
      #expect(other.code == 1 && other.errors.contains("made.cache: teacher digest: expected"), "\(other.errors)")
    }

    /// The cache holds its tokenizer, and says so where that is lost.
    @Test func theTokenizerOfACacheIsMadeAgain() throws {
      let desk = try Desk()
      let flags = ["--from-logprobs", fixture("echo.jsonl")]
      try #require(try cache(desk, flags).code == 0)
      let tokenizer = try desk.data("made.cache/tokenizer.model")
      let names = try FileManager.default.contentsOfDirectory(atPath: desk.path("made.cache"))
      for name in names where name.hasPrefix("tokenizer") {
        try FileManager.default.removeItem(atPath: desk.path("made.cache/\(name)"))
      }
      let lost = try Command.run(
        "distill", "--teacher-cache", "made.cache", "--student", desk.workspace.teacher, "--output", "run", "--steps",
        "1", in: desk.folder)
      #expect(lost.code == 1 && lost.errors.contains("made.cache: tokenizer digest: expected"), "\(lost.errors)")
      let resumed = try cache(desk, flags + ["--resume"])
      #expect(resumed.code == 0, "\(resumed.errors)")
      #expect(try Set(FileManager.default.contentsOfDirectory(atPath: desk.path("made.cache"))) == Set(names))
      #expect(try desk.data("made.cache/tokenizer.model") == tokenizer)

      _ = try desk.write(tokenizer.prefix(100), to: "made.cache/tokenizer.model")
      #expect(try cache(desk, flags + ["--resume"]).code == 0)
      #expect(try desk.data("made.cache/tokenizer.model") == tokenizer)
      // what is whole stays as it is
      func date() throws -> Date? {
        try FileManager.default.attributesOfItem(atPath: desk.path("made.cache/tokenizer.model"))[.modificationDate]
          as? Date
      }
      let before = try date()
      #expect(try cache(desk, flags + ["--resume"]).code == 0)
      #expect(try date() == before)
    }

    @Test func whatMakesNoSenseIsRefusedBeforeAnythingIsWritten() throws {
      let desk = try Desk()
      let (kld, jsonl, text) = (fixture("text.kld"), fixture("chat.jsonl"), fixture("text.txt"))
      for (flags, code, message) in [
        (["--from-kld", kld, "--from-logprobs", jsonl], 64, "--from-logprobs: expected nothing beside --from-kld"),
        (["--from-kld", kld], 64, "--from-kld: expected --text beside it, found none"),
        (["--from-kld", kld, "--text", text, text], 64, "--text: expected the one file that llama-perplexity read"),
        (["--from-logprobs", jsonl, "--text", text], 64, "--text: expected nothing with --from-logprobs"),
        (["--from-logprobs", jsonl, "--teacher", "x"], 64, "--from-logprobs: expected nothing beside --teacher x"),
        (["--from-kld", kld, "--text", text, "--sequence-length", "8"], 64, "--sequence-length: expected nothing"),
        (["--from-kld", kld, "--text", text, "--vocabulary-size", "61"], 64, "nothing without --from-logprobs"),
        (["--from-logprobs", jsonl, "--validation"], 64, "--validation: expected nothing with --from-logprobs"),
        (["--from-logprobs", jsonl, "--draws", "5"], 64, "--draws: expected the method sampled, found top-k-tail"),
        (["--text", text], 64, "--teacher: expected a model, or --from-kld or --from-logprobs, found none"),
        (["--from-kld", kld, "--text", desk.workspace.text], 1, "as in \(desk.workspace.text), found"),
        (["--from-kld", jsonl, "--text", text], 1, "beginning: expected _logits_"),
        (["--from-logprobs", kld], 1, "text.kld, line 1: JSON: expected an object"),
        (["--from-logprobs", jsonl, "--method", "sampled"], 1, "method: expected top-k-tail or top-k"),
        (["--from-logprobs", jsonl, "--k", "7"], 1, "k: expected at most 5"),
        (["--from-logprobs", jsonl, "--vocabulary-size", "60"], 1, "vocabulary-size: expected at least"),
        (["--from-logprobs", jsonl, "--vocabulary-size", "0"], 64, "--vocabulary-size: expected from 1 to 2147483647"),
        (["--from-logprobs", jsonl, "--vocabulary-size", "2147483648"], 64, "found 2147483648"),
        (["--from-logprobs", desk.path("none.jsonl")], 1, "none.jsonl: no such file"),
      ] {
        let outcome = try cache(desk, flags)
        #expect(outcome.code == Int32(code) && outcome.errors.contains(message), "\(flags): \(outcome.errors)")
        #expect(!desk.exists("made.cache"))
      }
      let short = try desk.write(Data(contentsOf: URL(fileURLWithPath: kld)).dropLast(100), to: "short.kld")
      let cut = try cache(desk, ["--from-kld", short, "--text", text])
      #expect(cut.code == 1 && cut.errors.contains("the file is cut short"), "\(cut.errors)")
      // a vocabulary of 400
      let other = try cache(desk, ["--from-kld", kld, "--text", text], tokenizer: "../tokenizer/tokenizer.model")
      #expect(other.code == 1 && other.errors.contains("n_vocab: expected at least the tokenizer's 400 tokens"))
      #expect(!desk.exists("made.cache"))
      let untold = try Command.run(
        "cache-teacher", "--from-logprobs", jsonl, "--output", "made.cache", in: desk.folder)
      #expect(untold.code == 64 && untold.errors.contains("--from-logprobs: expected --tokenizer beside it"))
      let alone = try Command.run("cache-teacher", "--from-kld", kld, "--output", "made.cache", in: desk.folder)
      #expect(alone.code == 64 && alone.errors.contains("--from-kld: expected --text and --tokenizer beside it"))
      let none = try Command.run("cache-teacher", "--text", text, "--output", "made.cache", in: desk.folder)
      #expect(none.code == 64 && none.errors.contains("--teacher: expected a model"), "\(none.errors)")
    }
  }
}
