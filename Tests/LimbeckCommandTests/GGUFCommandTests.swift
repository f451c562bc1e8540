import Foundation
import GGUF
import Glibc
import TestSupport
import Testing

extension CommandTests {
  /// A `.gguf` file wherever a model's folder is taken.
  @Suite struct GGUFFiles {
    private static let quantised = ModelFixture.root.appendingPathComponent("gguf/types/model.gguf").path
    private static let gemma = ModelFixture.root.appendingPathComponent("gguf/gemma3_text/model.gguf").path

    private static let line = "the cat sat on the thing and then in an inn\n"

    private func run(_ arguments: String...) throws -> Outcome {
      let outcome = try Command.run(arguments)
      try #require(outcome.code == 0, "\(arguments): \(outcome.errors)")
      return outcome
    }

    private func nats(_ model: String, _ text: String) throws -> Double {
      let output = try run("perplexity", "--model", model, "--text", text, "--window", "32", "--json").output
      let object = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Double]
      return try #require(object?["nats_per_token"])
    }

    @Test func inspectCountsTypes() throws {
      let text = try run("inspect", Self.quantised).output
      for fact in ["GGUF, version 3", "tiny, llama, F32", "  Q6_K", "  IQ4_NL", "1 tensor, ", "42 tokens; 2 outputs"] {
        #expect(text.contains(fact), "\(text)")
      }
      let json = try run("inspect", Self.quantised, "--json").output
      #expect(json.contains("\"architecture\":\"llama\"") && json.contains("\"file_type\":\"F32\""), "\(json)")
      #expect(json.contains("\"type\":\"Q8_0\""))
    }

    /// The student is the file's model as float32: it predicts the same.
    @Test func aStudentIsTheModelInFloat32() throws {
      let desk = try Desk()
      let text = try desk.write(String(repeating: Self.line, count: 8), to: "t.txt")
      for file in [Self.quantised, Self.gemma] {
        let student = desk.path(file.contains("types") ? "types" : "gemma")
        _ = try run("student", "--from", file, "--output", student)
        let (one, other) = (try nats(file, text), try nats(student, text))
        #expect(abs(one - other) < 1e-5, "\(one) \(other)")
        let names = try FileManager.default.contentsOfDirectory(atPath: student)
        #expect(Set(names).isSuperset(of: ["config.json", "model.safetensors", "tokenizer.model"]))
      }
    }

    @Test func trainingGoesOnFromIt() throws {
      let desk = try Desk()
      let text = try desk.write(String(repeating: Self.line, count: 40), to: "t.txt")
      let common = ["--text", text, "--steps", "6", "--batch-size", "4", "--sequence-length", "16"]
      let trained = try Command.run(["train", "--model", Self.gemma, "--output", desk.path("trained")] + common)
      #expect(trained.code == 0, "\(trained.errors)")
      #expect(try nats(desk.path("trained"), text) < nats(Self.gemma, text))
      let distilled = try Command.run(
        ["distill", "--teacher", Self.gemma, "--student", "20K", "--output", desk.path("distilled")] + common)
      #expect(distilled.code == 0, "\(distilled.errors)")
      let compared = try Command.run(
        "compare", "--teacher", Self.gemma, "--student", desk.path("distilled"), "--text", text, "--window", "16")
      #expect(compared.code == 0, "\(compared.errors)")
    }

    @Test func textIsGenerated() throws {
      let call = ["generate", "--model", Self.gemma, "--prompt", "the", "--max-tokens", "4", "--temperature", "0"]
      let (plain, drafted) = (try Command.run(call), try Command.run(call + ["--draft", Self.gemma]))
      #expect(plain.code == 0 && !plain.output.isEmpty, "\(plain.errors)")
      #expect(drafted.code == 0 && drafted.output == plain.output, "\(drafted.errors)")
      let chat = try Command.run(
        ["chat", "--model", Self.gemma, "--max-tokens", "2", "--temperature", "0"], input: Data("the cat\n".utf8))
      #expect(chat.code == 0, "\(chat.errors)")
      let tokenizer = try run("tokenizer", "inspect", Self.gemma)
      #expect(tokenizer.output.contains("digest"), "\(tokenizer.output)")
    }

    @Test func aStudentStartsFromIt() throws {
      let desk = try Desk()
      let text = try desk.write(String(repeating: Self.line, count: 20), to: "t.txt")
      let run = ["--text", text, "--steps", "2", "--batch-size", "2", "--sequence-length", "16"]
      let outcome = try Command.run(
        ["distill", "--teacher", Self.gemma, "--student", Self.gemma, "--output", desk.path("run")] + run)
      #expect(outcome.code == 0, "\(outcome.errors)")
      #expect(try desk.text("run/config.json").contains("gemma3_text"))
      let cache = try Command.run(
        "cache-teacher", "--teacher", Self.gemma, "--text", text, "--sequence-length", "16", "--output",
        desk.path("cache"))
      #expect(cache.code == 0, "\(cache.errors)")
      let cached = try Command.run(
        ["distill", "--teacher-cache", desk.path("cache"), "--student", Self.gemma, "--output", desk.path("cached")]
          + run)
      #expect(cached.code == 0, "\(cached.errors)")
    }

    /// A copy of a file with a weight of its first float32 tensor replaced: its path and the tensor's name.
    private func damaged(_ desk: Desk, _ value: Float) throws -> (path: String, tensor: String) {
      var sample = GGUFSample(copying: try GGUFFile(contentsOf: URL(fileURLWithPath: Self.gemma)))
      let index = try #require(sample.tensors.firstIndex { $0.type == 0 && $0.name.starts(with: "blk.0.ffn".utf8) })
      sample.tensors[index].data.replaceSubrange(4..<8, with: GGUFSample.bytes(value.bitPattern))
      return (
        try desk.write(Data(sample.bytes), to: "damaged.gguf"),
        String(decoding: sample.tensors[index].name, as: UTF8.self)
      )
    }

    /// Whose weights they are is said, rather than that the learning rate is too high.
    @Test(arguments: [Float.nan, .infinity]) func weightsThatAreNotFiniteAreNamed(value: Float) throws {
      let desk = try Desk()
      let text = try desk.write(String(repeating: Self.line, count: 20), to: "t.txt")
      let (file, tensor) = try damaged(desk, value)
      let run = ["--text", text, "--steps", "2", "--batch-size", "2", "--sequence-length", "16"]
      for (call, output) in [
        (["distill", "--teacher", file, "--student", "20K"] + run, "distilled"),
        (["distill", "--teacher", Self.gemma, "--student", file] + run, "student-of"),
        (["train", "--model", file] + run, "trained"), (["student", "--from", file], "student"),
        (["vocabulary", "--from", file, "--text", text], "reduced.gguf"),
      ] {
        let outcome = try Command.run(call + ["--output", desk.path(output)])
        let expected = "\(file): tensor \(tensor): expected finite weights, found \(value.isNaN ? "nan" : "inf")"
        #expect(outcome.code == 1 && outcome.errors.contains(expected), "\(call[0]): \(outcome.errors)")
      }
      #expect(!desk.exists("student") && !desk.exists("reduced.gguf"))
      let rows = [#"{"question": "a", "choices": ["b", "c"], "answer": 0}"#, ""].joined(separator: "\n")
      let task = try desk.write(rows + rows, to: "task.jsonl")
      for call in [
        ["perplexity", "--model", file, "--text", text],
        ["compare", "--teacher", Self.gemma, "--student", file, "--text", text],
        ["evaluate", "--model", file, "--tasks", task],
      ] {
        let outcome = try Command.run(call)
        let expected = "\(file): tensor \(tensor): expected finite weights, found "
        #expect(outcome.code == 1 && outcome.errors.contains(expected), "\(call[0]): \(outcome.errors)")
      }
    }

    /// A student of the model whose vocabulary the file has.
    @Test func aCacheOfResponsesHasTheOutputsOfTheModel() throws {
      let desk = try Desk()
      let response = #"""
        {"prompt": "the", "choices": [{"logprobs": {"tokens": ["token_id:5"], "token_logprobs": [-1], \#
        "top_logprobs": [{"token_id:5": -1, "token_id:6": -2}]}}]}
        """#
      let file = try desk.write(response + "\n", to: "l.jsonl")
      let outputs = try GGUFFile(contentsOf: URL(fileURLWithPath: Self.quantised)).metadata.integer(
        "llama.vocab_size", in: 1...1000)
      let call = ["cache-teacher", "--from-logprobs", file, "--tokenizer", Self.quantised, "--output"]
      let made = try Command.run(call + [desk.path("cache")])
      try #require(made.code == 0, "\(made.errors)")
      #expect(try desk.text("cache/cache.json").contains("\"vocabulary_size\" : \(try #require(outputs))"))
      let smaller = try Command.run(call + [desk.path("smaller"), "--vocabulary-size", "42"])
      try #require(smaller.code == 0, "\(smaller.errors)")
      let distilled = try Command.run(
        "distill", "--teacher-cache", desk.path("smaller"), "--student", Self.quantised, "--steps", "1", "--output",
        desk.path("run"))
      #expect(distilled.code == 1 && distilled.errors.contains("--vocabulary-size "), "\(distilled.errors)")
    }

    /// Opening one waits for a writer, by default.
    @Test(.timeLimit(.minutes(1))) func aNamedPipeIsRefused() throws {
      let desk = try Desk()
      let pipe = desk.path("pipe.gguf")
      try #require(mkfifo(pipe, 0o600) == 0)
      for call in [
        ["inspect", pipe], ["perplexity", "--model", pipe, "--text", desk.workspace.text],
        ["cache-teacher", "--from-logprobs", pipe, "--tokenizer", Self.gemma, "--output", desk.path("cache")],
      ] {
        let outcome = try Command.run(call)
        #expect(outcome.code == 1 && outcome.errors.contains("a regular file was expected"), "\(outcome.errors)")
      }
    }

    /// A copy of a file with other metadata.
    private func changed(_ file: String, _ desk: Desk, _ changes: [String: GGUFSample.Value?]) throws -> String {
      var sample = GGUFSample(copying: try GGUFFile(contentsOf: URL(fileURLWithPath: file)))
      for (key, value) in changes { sample.set(key, value) }
      return try desk.write(Data(sample.bytes), to: "changed.gguf")
    }

    @Test(arguments: ["t5", "none"]) func aVocabularyThatCannotBeReadIsGivenBeside(kind: String) throws {
      let desk = try Desk()
      let text = try desk.write(String(repeating: Self.line, count: 20), to: "t.txt")
      var changes: [String: GGUFSample.Value?] = ["tokenizer.ggml.model": .string(kind)]
      if kind == "none" { changes["tokenizer.ggml.tokens"] = .some(nil) }
      let file = try changed(Self.gemma, desk, changes)

      let inspected = try run("inspect", file)
      #expect(inspected.output.contains("none that can be read"), "\(inspected.output)")
      #expect(inspected.errors.contains("warning: \(file): tokenizer.ggml.model: expected"), "\(inspected.errors)")
      let alone = try Command.run("perplexity", "--model", file, "--text", text)
      #expect(alone.code == 1 && alone.errors.contains("with --tokenizer"), "\(alone.errors)")
      let larger = try Command.run(
        "perplexity", "--model", file, "--text", text, "--tokenizer", desk.workspace.tokenizer)
      #expect(larger.code == 1 && larger.errors.contains("expected at least 300"), "\(larger.errors)")

      let given = ["--tokenizer", Self.gemma]
      let measured = try Command.run(
        ["perplexity", "--model", file, "--text", text, "--window", "32", "--json"] + given)
      #expect(measured.errors.contains("only the size of \(Self.gemma) is checked"), "\(measured.errors)")
      let whole = try run("perplexity", "--model", Self.gemma, "--text", text, "--window", "32", "--json")
      func nats(_ outcome: Outcome) throws -> Double? {
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Double]
        return object?["nats_per_token"]
      }
      #expect(try nats(measured) == nats(whole))
      let common = ["--text", text, "--sequence-length", "16"]
      for command in [
        ["distill", "--teacher", file, "--student", "20K", "--steps", "2", "--batch-size", "2"] + common,
        ["distill", "--teacher", file, "--student", file, "--steps", "2", "--batch-size", "2"] + common,
        ["cache-teacher", "--teacher", file] + common, ["student", "--from", file],
        ["train", "--model", file, "--steps", "2", "--batch-size", "2"] + common,
      ] {
        let made = try Command.run(command + given + ["--output", desk.path("made")])
        #expect(made.code == 0, "\(command): \(made.errors)")
        try? FileManager.default.removeItem(atPath: desk.path("made"))
      }
    }

    @Test func specialIDsThatAreNoneAreLeftOut() throws {
      let desk = try Desk()
      let text = try desk.write(Self.line, to: "t.txt")
      let file = try changed(
        Self.quantised, desk,
        ["tokenizer.ggml.padding_token_id": .uint32(.max), "tokenizer.ggml.eos_token_id": .uint32(100_000)])
      let outcome = try run("perplexity", "--model", file, "--text", text, "--window", "16")
      #expect(outcome.errors.contains("eos_token_id: expected an id below the vocabulary's size"), "\(outcome.errors)")
      // the tokenizer takes llama.cpp's
      #expect(outcome.errors.contains("of which changed.gguf does not know"), "\(outcome.errors)")
      #expect(!outcome.errors.contains("config.json"))
    }

    @Test func inspectSaysWhatAVocabularyWasReducedFrom() throws {
      let desk = try Desk()
      func object(_ arguments: String...) throws -> [String: Any] {
        let outcome = try Command.run(arguments + ["--json"])
        return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
      }
      let few = try desk.write("The old fox\n", to: "few.txt")
      let before = try #require(try object("tokenizer", "inspect", desk.workspace.teacher)["digest"] as? String)
      _ = try run("vocabulary", "--from", desk.workspace.teacher, "--text", few, "--output", desk.path("small"))
      let own = try #require(try object("tokenizer", "inspect", Self.gemma)["digest"] as? String)
      let note = #"{"tokenizer": "\#(own)", "reduced_from": {"tokenizer": "\#(before)", "tokens": 300}}"#
      let file = try changed(Self.gemma, desk, ["limbeck.vocabulary": .string(note)])
      for model in [desk.path("small"), file] {
        let text = try run("inspect", model).output
        #expect(text.contains("\n  reduced from ") && text.contains(" 300 tokens, digest \(before)\n"), "\(text)")
        let origin = try #require(try object("inspect", model)["reduced_from"] as? [String: Any])
        #expect(origin["digest"] as? String == before && origin["tokens"] as? Int == 300)
      }
      for model in [desk.workspace.teacher, Self.gemma] {
        #expect(try !run("inspect", model).output.contains("reduced from"))
      }
    }

    /// Every command that takes a model says in one sentence why it cannot take these, and writes nothing.
    @Test func filesThatCannotBeReadAreRefusedWithTheReason() throws {
      let desk = try Desk()
      let text = try desk.write(String(repeating: Self.line, count: 8), to: "t.txt")
      let whole = try GGUFFile(contentsOf: URL(fileURLWithPath: Self.quantised))
      let changes: [(sentence: String, change: (inout GGUFSample) -> Void)] = [
        ("general.architecture: expected one of \"llama\"", { $0.set("general.architecture", .string("mamba")) }),
        ("tensor blk.1.ffn_up.weight: expected one of F32, F16, Q4_0", { $0.setType(26, of: "blk.1.ffn_up.weight") }),
        (
          "tensor blk.1.ffn_up.weight: expected a type that is known, found type 99",
          { $0.setType(99, of: "blk.1.ffn_up.weight") }
        ),
        ("split.count: expected one file, found 3; join the parts first", { $0.set("split.count", .uint32(3)) }),
        ("version: expected 2 or 3, little-endian, found 3, big-endian", { $0.version = UInt32(3).byteSwapped }),
      ]
      for (sentence, change) in changes {
        var sample = GGUFSample(copying: whole)
        change(&sample)
        let file = try desk.write(Data(sample.bytes), to: "model.gguf")
        for arguments in [
          ["perplexity", "--model", file, "--text", text], ["student", "--from", file, "--output", desk.path("new")],
          ["vocabulary", "--from", file, "--text", text, "--output", desk.path("new.gguf")],
          [
            "distill", "--teacher", file, "--student", "20K", "--text", text, "--steps", "1", "--output",
            desk.path("new"),
          ],
        ] {
          let outcome = try Command.run(arguments)
          #expect(outcome.code == 1 && outcome.errors.contains("model.gguf: \(sentence)"), "\(outcome.errors)")
          #expect(outcome.output.isEmpty && outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: desk.folder).sorted() == ["model.gguf", "t.txt"])
      }
    }

    @Test func whatIsWrongIsSaid() throws {
      let desk = try Desk()
      let file = try desk.write("GGUF", to: "model.gguf")
      for arguments in [
        ["inspect", file], ["perplexity", "--model", file, "--text", file],
        ["student", "--from", file, "--output", desk.path("new")],
      ] {
        let outcome = try Command.run(arguments)
        #expect(outcome.code == 1 && outcome.errors.contains("model.gguf: "), "\(outcome.errors)")
      }
    }
  }
}

extension GGUFSample {
  fileprivate mutating func setType(_ type: UInt32, of name: String) {
    for index in tensors.indices where tensors[index].name == Array(name.utf8) { tensors[index].type = type }
  }
}
