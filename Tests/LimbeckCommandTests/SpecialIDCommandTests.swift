import Foundation
import Testing

extension CommandTests {
  /// Tokenizers that differ in what begins and ends a text alone, models with more outputs than tokens, and folders
  /// whose tokenizer is a tokenizer.json.
  @Suite struct SpecialIDs {
    /// A copy of the teacher whose tokenizer ends a text with BOS and fills batches up with EOS.
    private func student(_ desk: Desk) throws -> String {
      let folder = try desk.copyOfTeacher("student")
      let configuration = try desk.text("student/tokenizer_config.json").replacing("\"</s>\"", with: "\"<s>\"")
        .replacing("{", with: #"{"pad_token":"</s>","#, maxReplacements: 1)
      _ = try desk.write(configuration, to: "student/tokenizer_config.json")
      return folder
    }

    private func warnings(_ errors: String) -> [Substring] {
      errors.split(separator: "\n").filter { $0.hasPrefix("warning: ") }
    }

    @Test func aDifferentEndIsAWarningThatNamesBoth() throws {
      let desk = try Desk()
      let (teacher, text) = (desk.workspace.teacher, desk.workspace.text)
      let student = try student(desk)
      let expected = [
        "warning: \(student): EOS: expected 2 (\"</s>\"), as in \(teacher), found 1 (\"<s>\"); that of "
          + "\(teacher) is used",
        "warning: \(student): PAD: expected none, as in \(teacher), found 2 (\"</s>\"); that of \(teacher) is used",
        "warning: \(student): the tokenizer ends a text with id 1 (\"<s>\"), of which config.json does not know: "
          + "it ends one with id 2 (\"</s>\")",
      ]
      let run = ["--text", text, "--steps", "1", "--sequence-length", "16", "--batch-size", "2"]
      let distilled = try Command.run(
        ["distill", "--teacher", teacher, "--student", student, "--output", desk.path("run")] + run)
      #expect(distilled.code == 0, "\(distilled.errors)")
      #expect(warnings(distilled.errors).sorted() == expected.map { $0[...] }.sorted(), "\(distilled.errors)")
      #expect(try desk.text("run/tokenizer_config.json").contains("</s>"))
      let compared = try Command.run(
        "compare", "--teacher", teacher, "--student", student, "--text", desk.workspace.heldOut, "--window", "32")
      #expect(compared.code == 0 && warnings(compared.errors).count == 3, "\(compared.errors)")
      let generated = try Command.run(
        "generate", "--model", teacher, "--draft", student, "--prompt", "The", "--max-tokens", "3")
      #expect(generated.code == 0 && warnings(generated.errors).count == 3, "\(generated.errors)")

      let cache = try Command.run(
        "cache-teacher", "--teacher", teacher, "--text", text, "--output", desk.path("cache"), "--sequence-length",
        "16")
      try #require(cache.code == 0, "\(cache.errors)")
      let cached = try Command.run(
        ["distill", "--teacher-cache", desk.path("cache"), "--student", student, "--output", desk.path("cached")] + run)
      #expect(cached.code == 0, "\(cached.errors)")
      #expect(warnings(cached.errors).count { $0.contains(" EOS: expected 2 ") } == 1, "\(cached.errors)")
    }

    @Test func modelsWithMoreOutputsThanTokensAreTaught() throws {
      let desk = try Desk()
      let workspace = desk.workspace
      func run(_ arguments: String...) throws -> String {
        let outcome = try Command.run(arguments)
        #expect(outcome.code == 0 && !outcome.errors.contains("warning"), "\(arguments): \(outcome.errors)")
        return outcome.output
      }
      let length = ["--text", workspace.text, "--steps", "2", "--sequence-length", "16", "--batch-size", "4"]
      let wide = try desk.write(Workspace.configuration(hiddenSize: 32, vocabularySize: 320), to: "wide.json")
      _ = try Command.run(
        ["train", "--model", wide, "--tokenizer", workspace.tokenizer, "--output", desk.path("teacher")] + length)
      let least =
        #"{"model_type": "llama", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "#
        + #""num_attention_heads": 2, "max_position_embeddings": 64}"#
      let student = try desk.write(least, to: "least.json")
      let distilled = try Command.run(
        ["distill", "--teacher", desk.path("teacher"), "--student", student, "--output", desk.path("student")] + length)
      #expect(distilled.code == 0, "\(distilled.errors)")
      #expect(try desk.text("student/config.json").contains("\"vocab_size\": 320"))
      _ = try run("perplexity", "--model", desk.path("student"), "--text", workspace.heldOut, "--window", "32")
      _ = try run(
        "generate", "--model", desk.path("teacher"), "--draft", desk.path("student"), "--prompt", "The", "--max-tokens",
        "8", "--temperature", "2")
      _ = try run(
        "student", "--from", desk.path("teacher"), "--output", desk.path("pruned"), "--feed-forward-size", "32",
        "--calibration-text", workspace.heldOut)
      // the same tokenizer, padded otherwise
      let other = try desk.write(Workspace.configuration(hiddenSize: 16, vocabularySize: 304), to: "other.json")
      let refused = try Command.run(
        ["distill", "--teacher", desk.path("teacher"), "--student", other, "--output", desk.path("none")] + length)
      #expect(refused.code == 1 && refused.errors.contains("vocab_size: expected"), "\(refused.errors)")
      #expect(refused.errors.contains("320"), "\(refused.errors)")
    }

    @Test func aFolderMayHaveATokenizerJSONAlone() throws {
      let desk = try Desk()
      let folder = try desk.copyOfTeacher("model")
      try FileManager.default.removeItem(atPath: "\(folder)/tokenizer.model")
      func perplexity(_ model: String) throws -> String {
        let outcome = try Command.run("perplexity", "--model", model, "--text", desk.workspace.heldOut, "--json")
        #expect(outcome.code == 0, "\(outcome.errors)")
        return outcome.output.replacing(model, with: "")
      }
      let compared = try Command.run(
        "compare", "--teacher", desk.workspace.teacher, "--student", folder, "--text", desk.workspace.heldOut,
        "--window",
        "32")
      #expect(compared.code == 0 && !compared.errors.contains("warning"), "\(compared.errors)")
      #expect(try perplexity(folder).contains("nats_per_token"))
    }
  }
}
