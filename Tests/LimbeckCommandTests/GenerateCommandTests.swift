import Foundation
import Testing

extension CommandTests {
  @Suite struct Generation {
    @Test func severalPromptsArePrintedInOrder() throws {
      let desk = try Desk()
      let prompts = ["The old fox", "A lamp", "The young queen found"]
      let file = try desk.write(prompts.joined(separator: "\n\n") + "\n", to: "prompts.txt")
      let flags = ["--model", desk.workspace.teacher, "--max-tokens", "6", "--temperature", "0"]
      let batched = try Command.run(["generate", "--prompts", file] + flags)
      #expect(batched.code == 0, "\(batched.errors)")
      let single = try prompts.map { try Command.run(["generate", "--prompt", $0] + flags).output }
      #expect(batched.output == single.joined(separator: "\n"))
    }

    @Test func stopStringsEndTheText() throws {
      let desk = try Desk()
      let flags = ["--model", desk.workspace.teacher, "--prompt", "-- The", "--max-tokens", "30", "--temperature", "0"]
      let whole = try Command.run(["generate"] + flags)
      #expect(whole.code == 0 && whole.output.hasPrefix("-- The"), "\(whole.errors)")
      let last = try #require(whole.output.dropFirst("-- The".count).dropLast().last)
      let cut = try Command.run(["generate", "--stop", String(last)] + flags)
      #expect(cut.code == 0)
      #expect(!cut.output.dropFirst("-- The".count).contains(last))
    }

    @Test func promptsMayBeJSONLines() throws {
      let desk = try Desk()
      let file = try desk.write(
        "{\"prompt\": \"The old\\nfox\"}\n{\"prompt\": \"A\", \"id\": 2}\n", to: "prompts.jsonl")
      let outcome = try Command.run(
        "generate", "--model", desk.workspace.teacher, "--prompts", file, "--max-tokens", "3", "--json")
      let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
      let results = try #require(object["results"] as? [[String: Any]])
      #expect(results.map { $0["prompt"] as? String } == ["The old\nfox", "A"])
      #expect(results.allSatisfy { ($0["token_ids"] as? [Int])?.count ?? 0 <= 3 && $0["stop_reason"] != nil })
    }

    @Test func theSameSeedGivesTheSameText() throws {
      let desk = try Desk()
      func text(_ seed: String) throws -> String {
        try Command.run(
          "generate", "--model", desk.workspace.teacher, "--prompt", "The", "--max-tokens", "20", "--seed", seed,
          "--top-k", "50", "--top-p", "0.95"
        ).output
      }
      #expect(try text("3") == text("3"))
      #expect(try text("3") != text("4"))
    }

    /// Rounding may decide between nearly equal logits, but not at every token: the texts begin alike.
    @Test func cachesAndProductsMayBeRounded() throws {
      let desk = try Desk()
      func text(_ flags: String...) throws -> String {
        let outcome = try Command.run(
          [
            "generate", "--model", desk.workspace.teacher, "--prompt", "The", "--max-tokens", "20", "--temperature",
            "0",
          ]
            + flags)
        #expect(outcome.code == 0, "\(outcome.errors)")
        return outcome.output
      }
      let exact = try text()
      let rounded = try text("--cache-precision", "float16")
      #expect(rounded.prefix(8) == exact.prefix(8))
      #expect(try text("--cache-precision", "float32", "--precision", "float32") == exact)
      #expect(try text("--precision", "bf16").hasPrefix("The"))
      #expect(try text("--cache-precision", "float16", "--draft", desk.workspace.teacher).prefix(8) == exact.prefix(8))
    }

    @Test func aFileOrStandardInputMayBeThePrompt() throws {
      let desk = try Desk()
      func text(_ flags: [String], input: String = "") throws -> String {
        let outcome = try Command.run(
          ["generate", "--model", desk.workspace.teacher, "--max-tokens", "6", "--temperature", "0"] + flags,
          input: Data(input.utf8))
        #expect(outcome.code == 0, "\(outcome.errors)")
        return outcome.output
      }
      let prompt = "The old fox\nfound"
      let file = try desk.write(prompt + "\n", to: "prompt.txt")
      let expected = try text(["--prompt", prompt])
      #expect(try text(["--prompt-file", file]) == expected)
      #expect(try text(["--prompt-file", "-"], input: prompt) == expected)
      #expect(try text(["--prompt-file", "-"], input: prompt + "\n\n").hasPrefix(prompt + "\n"))
      let missing = try Command.run(
        "generate", "--model", desk.workspace.teacher, "--prompt-file", desk.path("none"))
      #expect(missing.code == 1 && missing.errors.hasPrefix("error: \(desk.path("none")): no such file"))
      let notText = try desk.write(Data([0x41, 0xFF]), to: "bytes")
      #expect(
        try Command.run("generate", "--model", desk.workspace.teacher, "--prompt-file", notText).errors
          .contains("\(notText): expected UTF-8"))
    }

    @Test func promptsBeyondTheContextAreAnError() throws {
      let desk = try Desk()
      let outcome = try Command.run(
        "generate", "--model", desk.workspace.teacher, "--prompt", String(repeating: "zebra ", count: 60))
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains("context of 64"))
      #expect(outcome.output.isEmpty)
    }

    @Test func linesWithoutAPromptAreNamed() throws {
      let desk = try Desk()
      let file = try desk.write("{\"prompt\": \"a\"}\n{\"text\": \"b\"}\n", to: "prompts.jsonl")
      let outcome = try Command.run("generate", "--model", desk.workspace.teacher, "--prompts", file)
      #expect(outcome.code == 1)
      #expect(
        outcome.errors.contains(
          "\(file), line 2: expected an object with a text under the key \"prompt\", found the keys \"text\""))
    }

    @Test func filesWithoutPromptsAreAnError() throws {
      let desk = try Desk()
      let file = try desk.write("\n  \n", to: "prompts.txt")
      let outcome = try Command.run("generate", "--model", desk.workspace.teacher, "--prompts", file)
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains("\(file): expected one prompt a line"))
    }

    @Test func promptFilesAreCheckedAsTextIs() throws {
      let desk = try Desk()
      try FileManager.default.createDirectory(atPath: desk.path("folder"), withIntermediateDirectories: true)
      _ = try desk.write(Data([0x1F, 0x8B, 8, 0, 1, 2]), to: "a.gz")
      _ = try desk.write(Data([0xFF, 0xFE, 0x41, 0]), to: "wide.txt")
      _ = try desk.write("", to: "empty.txt")
      _ = try desk.write(Data([0x41, 0xFF, 0x0A]), to: "latin.txt")
      func refusal(_ flag: String, _ file: String) throws -> String {
        let outcome = try Command.run(
          "generate", "--model", desk.workspace.teacher, flag, file, "--max-tokens", "1", in: desk.folder)
        #expect(outcome.code == 1 && outcome.output.isEmpty, "\(outcome.errors)")
        return outcome.errors
      }
      for (file, message) in [
        ("a.gz", "a file compressed with gzip; decompress it first: gunzip --keep a.gz"), ("wide.txt", "UTF-16"),
        ("latin.txt", "expected UTF-8 text, found another byte at offset 1 (line 1)"),
        ("folder", "a file was expected, but it is a folder"), ("none.txt", "no such file"),
      ] {
        for flag in ["--prompt-file", "--prompts"] {
          let found = try refusal(flag, file)
          #expect(found.contains(file) && found.contains(message), "\(flag): \(found)")
        }
      }
      #expect(try refusal("--prompt-file", "empty.txt").contains("empty.txt: expected some text, found it empty"))
      #expect(try refusal("--prompt-file", "/dev/zero").contains("/dev/zero: cannot be read: a file or a pipe was"))
      let pipe = try Command.shell("mkfifo pipe && $limbeck generate --model m --prompt-file pipe", in: desk.folder)
      #expect(pipe.code == 1 && pipe.errors.contains("pipe: cannot be read: nothing came out"), "\(pipe.errors)")
      // a table may be a prompt
      _ = try desk.write("the,fox\n", to: "table.csv")
      let table = try Command.run(
        "generate", "--model", desk.workspace.teacher, "--prompt-file", "table.csv", "--max-tokens", "1",
        in: desk.folder)
      #expect(table.code == 0 && table.output.hasPrefix("the,fox"), "\(table.errors)")
    }
  }
}
