import Foundation
import Testing

extension CommandTests {
  @Suite("Text for commands") struct Text {
    @Test("Keys of rows are named alike for all commands")
    func keys() throws {
      let desk = try Desk()
      let rows = (0..<200).map { "{\"q\": \"The cat number \($0)\", \"a\": \" saw a red ball.\", \"text\": 7}\n" }
        .joined()
      let file = try desk.write(rows, to: "rows.json")
      let keys = ["--text-field", "story", "--prompt-field", "q", "--completion-field", "a"]
      let trained = try desk.train("run", ["--text", file] + keys)
      #expect(trained.code == 0, "\(trained.errors)")
      #expect(try desk.text("run/recipe.yaml").contains("completion-field: a\n"))
      let measured = try Command.run(
        ["perplexity", "--model", desk.workspace.teacher, "--text", file] + keys, in: desk.folder)
      #expect(measured.code == 0, "\(measured.errors)")
      let cached = try Command.run(
        [
          "cache-teacher", "--teacher", desk.workspace.teacher, "--text", file, "--output", "cache",
          "--sequence-length", "16",
        ]
          + keys, in: desk.folder)
      #expect(cached.code == 0, "\(cached.errors)")
      let refused = try Command.run("perplexity", "--model", desk.workspace.teacher, "--text", file, in: desk.folder)
      #expect(refused.code == 1 && refused.errors.contains("\"text\": expected a string, found 7"))
    }

    @Test("Text without tokens that count is named, with what to do")
    func nothingCounts() throws {
      let desk = try Desk()
      let file = try desk.write("{\"prompt\": \"The cat\", \"completion\": \"\"}\n", to: "rows.jsonl")
      let refused = try Command.run("perplexity", "--model", desk.workspace.teacher, "--text", file)
      #expect(refused.code == 1)
      #expect(
        refused.errors.contains("\(file): expected at least 2 tokens that count, found none; give more text, or count"),
        "\(refused.errors)")
      let counted = try Command.run(
        "perplexity", "--model", desk.workspace.teacher, "--text", file, "--count", "prompts")
      #expect(counted.code == 0, "\(counted.errors)")
    }

    @Test("A share of the text is held out, and text that is trained on is no validation text")
    func validation() throws {
      let desk = try Desk()
      let held = try desk.train("held", ["--validation-share", "0.2"])
      #expect(held.code == 0 && held.errors.contains("validation perplexity"), "\(held.errors)")
      #expect(try desk.text("held/recipe.yaml").contains("validation-share: 0.2\n"))
      let same = try desk.train("same", ["--validation-text", desk.workspace.text])
      #expect(same.code != 0 && same.errors.contains("--validation-text: expected text that is not trained on"))
      for flags in [
        ["--validation-share", "0.7"], ["--validation-share", "0.1", "--validation-text", desk.workspace.heldOut],
      ] {
        let refused = try desk.train("refused", flags)
        #expect(refused.code != 0 && refused.errors.contains("validation-share: expected"), "\(refused.errors)")
      }
    }

    @Test("What a folder has besides text is told")
    func leftOut() throws {
      let desk = try Desk()
      try FileManager.default.createDirectory(atPath: desk.path("books"), withIntermediateDirectories: true)
      _ = try desk.write("The cat saw a red ball.", to: "books/a.txt")
      _ = try desk.write(Data([0x1F, 0x8B, 8, 0]), to: "books/b.txt.gz")
      let outcome = try Command.run("perplexity", "--model", desk.workspace.teacher, "--text", "books", in: desk.folder)
      #expect(outcome.code == 0 && outcome.errors.contains("left out books/b.txt.gz: a file compressed with gzip"))
      for call in [
        "generate --model \(desk.workspace.teacher) --prompts books --prompt-length 2 --max-tokens 2",
        "student --from \(desk.workspace.teacher) --output new --feed-forward-size 8 --calibration-text books",
        "tokenizer train --text books --output new.model --vocabulary-size 300",
      ] {
        let outcome = try Command.run(call.split(separator: " ").map(String.init), in: desk.folder)
        #expect(outcome.errors.contains("left out books/b.txt.gz"), "\(call): \(outcome.errors)")
      }
    }
  }
}
