import Foundation
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
      for fact in ["GGUF, version 3", "tiny, llama, F32", "  Q6_K", "  IQ4_NL", "1 tensor, ", "44 tokens"] {
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
