import Foundation
import Testing

extension CommandTests {
  @Suite struct Speculation {
    /// A draft cut out of the teacher.
    private func draft(_ desk: Desk) throws -> String {
      let outcome = try Command.run(
        "student", "--from", desk.workspace.teacher, "--feed-forward-size", "48", "--calibration-text",
        desk.workspace.heldOut, "--output", desk.path("draft"))
      try #require(outcome.code == 0, "\(outcome.errors)")
      return desk.path("draft")
    }

    @Test(arguments: [["--draft-tokens", "3"], ["--draft-tokens", "adaptive"], []])
    func theTextIsTheModelsOwn(flags: [String]) throws {
      let desk = try Desk()
      let draft = try draft(desk)
      let call = [
        "generate", "--model", desk.workspace.teacher, "--prompt", "The old", "--max-tokens", "40", "--temperature",
        "0",
      ]
      let plain = try Command.run(call)
      let drafted = try Command.run(call + ["--draft", draft] + flags)
      #expect(drafted.code == 0 && drafted.output == plain.output, "\(drafted.errors)")
      for fact in ["acceptance", "drafted tokens", "predicted", "tokens per pass", "speed-up", "the model alone"] {
        #expect(drafted.errors.contains(fact), "\(drafted.errors)")
      }
    }

    @Test func jsonTellsWhatCameOfIt() throws {
      let desk = try Desk()
      let prompts = try desk.write("The old fox\nA lamp\nThe young queen\n", to: "prompts.txt")
      let outcome = try Command.run(
        "generate", "--model", desk.workspace.teacher, "--draft", try draft(desk), "--draft-tokens", "2", "--prompts",
        prompts, "--max-tokens", "20", "--top-k", "50", "--json")
      #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
      let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
      let speculation = try #require(object["speculation"] as? [String: Double])
      #expect(
        Set(speculation.keys) == [
          "tokens", "passes", "tested_tokens", "accepted_tokens", "acceptance", "predicted_acceptance",
          "tokens_per_pass", "tokens_per_second", "tokens_per_second_alone", "speed_up",
        ])
      let results = try #require(object["results"] as? [[String: Any]])
      let tokens = results.reduce(0) { $0 + (($1["token_ids"] as? [Int])?.count ?? 0) }
      #expect(speculation["tokens"] == Double(tokens))
      #expect(try #require(speculation["passes"]) <= Double(tokens))
    }

    @Test func draftsThatDoNotFitAreErrors() throws {
      let desk = try Desk()
      let workspace = desk.workspace
      let call = ["generate", "--model", workspace.teacher, "--prompt", "The", "--draft"]
      let other = try desk.copyOfTeacher("other")
      for name in ["tokenizer.model", "tokenizer.json"] {
        try FileManager.default.removeItem(atPath: desk.path("other/\(name)"))
      }
      let trained = try Command.run(
        "tokenizer", "train", "--text", workspace.text, "--output", desk.path("other/tokenizer.model"),
        "--vocabulary-size", "\(Workspace.vocabularySize)", "--algorithm", "bpe")
      try #require(trained.code == 0, "\(trained.errors)")
      let wrong = try Command.run(call + [other])
      #expect(wrong.code == 1 && wrong.output.isEmpty)
      #expect(wrong.errors.hasPrefix("error: \(other): "), "\(wrong.errors)")
      #expect(wrong.errors.contains("as in \(workspace.teacher), found"), "\(wrong.errors)")

      let wide = try desk.write(Workspace.configuration(hiddenSize: 16, vocabularySize: 304), to: "wide.json")
      let made = try Command.run(
        "train", "--model", wide, "--tokenizer", workspace.tokenizer, "--text", workspace.text, "--output",
        desk.path("wide"), "--steps", "1", "--batch-size", "2", "--sequence-length", "16")
      try #require(made.code == 0, "\(made.errors)")
      let outputs = try Command.run(call + [desk.path("wide")])
      #expect(outputs.code == 1 && outputs.output.isEmpty)
      #expect(outputs.errors.contains("\(desk.path("wide")): vocab_size: expected 300"), "\(outputs.errors)")

      let missing = try Command.run(call + [desk.path("none")])
      #expect(missing.code == 1 && missing.errors.contains(desk.path("none")))

      let long = try Command.run(
        "generate", "--model", workspace.teacher, "--draft", workspace.teacher, "--prompt",
        String(repeating: "zebra ", count: 60))
      #expect(long.code == 1 && long.output.isEmpty && long.errors.contains("context of 64"), "\(long.errors)")
    }
  }
}
