import Foundation
import GGUF
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
      let outcome = try run(
        "generate", "--model", Self.gemma, "--prompt", "the", "--max-tokens", "4", "--temperature", "0")
      #expect(!outcome.output.isEmpty)
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
