import Foundation
import GGUF
import Limbeck
import TestSupport
import Testing

extension CommandTests {
  /// `limbeck export`.
  @Suite struct Exporting {
    /// A trained model with a BPE tokenizer.
    private func model(_ desk: Desk) throws -> String {
      let tokenizer = desk.path("bpe.model")
      let made = [
        try Command.run(
          "tokenizer", "train", "--text", desk.workspace.text, "--output", tokenizer, "--vocabulary-size", "300",
          "--algorithm", "bpe"),
        try Command.run(
          "train", "--model", desk.workspace.largeConfiguration, "--tokenizer", tokenizer, "--text",
          desk.workspace.text, "--output", desk.path("model"), "--steps", "20", "--batch-size", "8",
          "--sequence-length", "16", "--learning-rate", "1e-2"),
      ]
      for outcome in made { try #require(outcome.code == 0, "\(outcome.errors)") }
      return desk.path("model")
    }

    private func report(_ outcome: Outcome) throws -> [String: Any] {
      try #require(outcome.code == 0, "\(outcome.errors)")
      return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }

    @Test func theFileIsTheModel() throws {
      let desk = try Desk()
      let model = try model(desk)
      let report = try report(
        Command.run("export", "--model", model, "--output", "model.gguf", "--type", "f32", "--json", in: desk.folder))
      #expect(report["architecture"] as? String == "llama" && report["file_type"] as? String == "F32")
      let (old, new) = (
        try LanguageModel(contentsOf: URL(fileURLWithPath: model)),
        try LanguageModel(contentsOf: URL(fileURLWithPath: desk.path("model.gguf")))
      )
      #expect(new.configuration == old.configuration)
      let text = try String(contentsOfFile: desk.workspace.heldOut, encoding: .utf8)
      #expect(new.tokenizer.encode(text) == old.tokenizer.encode(text))
      let call = ["generate", "--prompt", "The old", "--max-tokens", "12", "--temperature", "0", "--model"]
      let story = try Command.run(call + [model]).output
      #expect(try !story.isEmpty && Command.run(call + [desk.path("model.gguf")]).output == story)
      #expect(
        try desk.text("model.Modelfile")
          == "FROM ./model.gguf\nPARAMETER num_ctx 64\nPARAMETER stop \"</s>\"\nTEMPLATE \"\"\"{{ .Prompt }}\"\"\"\n")
    }

    @Test func mixedTypesAreTold() throws {
      let desk = try Desk()
      let outcome = try Command.run(
        "export", "--model", model(desk), "--output", desk.path("new/small.gguf"), "--type", "q4_k")
      #expect(outcome.code == 0 && outcome.errors.contains("wrote \(desk.path("new/small.gguf"))"), "\(outcome.errors)")
      #expect(outcome.output.contains("Q8_0: rows of 32, which Q6_K's blocks of 256 do not fill"), "\(outcome.output)")
      #expect(outcome.output.contains("3 F32: vectors"))
      // a file that is quantised is rounded a second time
      let again = try Command.run("export", "--model", desk.path("new/small.gguf"), "--output", desk.path("again.gguf"))
      #expect(again.code == 0 && again.errors.contains("weights in Q8_0 were rounded a second time, to f16"))
      #expect(try Data(contentsOf: URL(fileURLWithPath: desk.path("again.gguf"))).count > 10_000)
    }

    @Test func roundedWeightsGiveTheResultsOfTheFile() throws {
      let desk = try Desk()
      let (model, file) = (try model(desk), desk.path("model.gguf"))
      try #require(Command.run("export", "--model", model, "--output", file, "--type", "q4_0").code == 0)
      func value(_ arguments: String...) throws -> [String: Any] {
        try report(
          Command.run(arguments + ["--text", desk.workspace.heldOut, "--window", "16", "--json"], in: desk.folder))
      }
      let ofFile = try value("perplexity", "--model", file)
      let rounded = try value("perplexity", "--model", model, "--weights", "q4_0")
      #expect(rounded["nats_per_token"] as? Double == ofFile["nats_per_token"] as? Double)
      let call = ["generate", "--prompt", "The old", "--max-tokens", "12", "--temperature", "0", "--model"]
      #expect(
        try Command.run(call + [model, "--weights", "q4_0"]).output == Command.run(call + [file]).output)

      let comparison = try value("compare", "--teacher", model, "--student", model, "--weights", "q8_0", "q4_0")
      let students = try #require(comparison["students"] as? [[String: Any]])
      let models = try students.map { try #require($0["model"] as? [String: Any]) }
      #expect(
        models.map { $0["folder"] as? String } == [model, "\(model) in q8_0", "\(model) in q4_0"])
      func mean(_ object: Any?, _ key: String) throws -> Double {
        let estimate = try #require((object as? [String: Any])?[key] as? [String: Any])
        return try #require(estimate["mean"] as? Double)
      }
      #expect(models[0]["rounding"] == nil)
      let losses = try models.dropFirst().map { try mean($0["rounding"], "kl_divergence") }
      #expect(losses[0] > 0 && losses[0] < losses[1] && losses[1] < 1)
      // here the teacher is the student unrounded
      #expect(try losses[1] == mean(students[2]["statistics"], "kl_divergence"))
      let sizes = models.compactMap { $0["weight_bytes"] as? Int }
      #expect(sizes[2] < sizes[1] && sizes[1] < sizes[0])
      let table = try Command.run(
        "compare", "--teacher", model, "--student", model, "--weights", "q4_0", "--text", desk.workspace.heldOut)
      #expect(table.output.contains("KL from the student unrounded, nats"), "\(table.output)")

      let again = try Command.run("perplexity", "--model", file, "--weights", "q8_0", "--text", desk.workspace.heldOut)
      #expect(again.code == 1 && again.errors.contains("the weights are quantised already: use them as they are"))
      let alone = try Command.run(
        "compare", "--teacher", model, "--teacher-precision", "bf16", "--weights", "q8_0", "--text",
        desk.workspace.heldOut)
      #expect(alone.code == 64 && alone.errors.contains("--weights: expected a --student"), "\(alone.errors)")
    }

    @Test func chatTemplatesGoWithTheFile() throws {
      let desk = try Desk()
      let model = try model(desk)
      let template = "{{ '<|im_start|>' }}"
      try template.write(toFile: "\(model)/chat_template.jinja", atomically: false, encoding: .utf8)
      let outcome = try Command.run("export", "--model", model, "--output", desk.path("chat.gguf"))
      try #require(outcome.code == 0, "\(outcome.errors)")
      let file = try GGUFFile(contentsOf: URL(fileURLWithPath: desk.path("chat.gguf")))
      #expect(try file.metadata.string("tokenizer.chat_template") == template)
      #expect(try !desk.text("chat.Modelfile").contains("TEMPLATE"))
    }

    @Test func badInputLeavesNothingBehind() throws {
      let desk = try Desk()
      func refusal(_ arguments: String..., code: Int32 = 1) throws -> String {
        let outcome = try Command.run(["export"] + arguments)
        #expect(outcome.code == code && outcome.output.isEmpty)
        return outcome.errors
      }
      let (teacher, output) = (desk.workspace.teacher, desk.path("new.gguf"))
      // its tokenizer is a unigram one
      #expect(
        try refusal("--model", teacher, "--output", output)
          .contains("model_type: expected BPE, found unigram; llama.cpp loses"))
      #expect(try refusal("--model", desk.path("none"), "--output", output).contains("no such file or folder"))
      #expect(
        try refusal("--model", teacher, "--output", desk.path("new"), code: 64)
          .contains("--output: expected a name that ends in .gguf"))
      #expect(
        try refusal("--model", teacher, "--output", output, "--type", "q5_0", code: 64)
          .contains("--type: expected one of f32, f16, bf16, q8_0, q4_0, q4_k, q6_k, found \"q5_0\""))
      #expect(try FileManager.default.contentsOfDirectory(atPath: desk.folder) == [])
      let there = try desk.write("text", to: "there.gguf")
      #expect(try refusal("--model", teacher, "--output", there).contains("exists already"))
      _ = try desk.write("text", to: "new.Modelfile")
      #expect(
        try refusal("--model", teacher, "--output", output).contains("new.Modelfile: exists already"))
      let names = try FileManager.default.contentsOfDirectory(atPath: desk.folder).sorted()
      #expect(names == ["new.Modelfile", "there.gguf"])
    }
  }
}
