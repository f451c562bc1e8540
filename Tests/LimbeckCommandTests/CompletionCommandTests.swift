import Foundation
import Testing

extension CommandTests {
  @Suite struct Completions {
    private func generate(_ desk: Desk, _ flags: String..., prompts: String) -> [String] {
      ["generate", "--model", desk.workspace.teacher, "--prompts", prompts] + flags
    }

    @Test func filesThatWereStoppedOrKilledEndInTheSameBytes() throws {
      let desk = try Desk()
      func arguments(_ output: String, _ flags: String...) -> [String] {
        generate(
          desk, "--prompt-length", "6", "--samples", "4", "--max-tokens", "40", "--with-tokens", "--seed", "5",
          "--output", desk.path(output), prompts: desk.workspace.heldOut) + flags
      }
      let whole = try Command.run(arguments("whole.jsonl", "--json"))
      try #require(whole.code == 0, "\(whole.errors)")
      let summary = try #require(try JSONSerialization.jsonObject(with: Data(whole.output.utf8)) as? [String: Any])
      let prompts = try #require(summary["prompts"] as? Int)
      #expect(prompts > 50 && summary["completions"] as? Int == 4 * prompts && summary["kept"] as? Int == 4 * prompts)
      #expect(summary["tokens"] as? Int ?? 0 > 1000 && summary["tokens_per_second"] as? Double ?? 0 > 0)

      let slow = ["--batch-size", "1", "--threads", "1"]
      let stopped = try Command(arguments("stopped.jsonl") + slow)
      try stopped.send(SIGINT) { (try? desk.data("stopped.jsonl").count) ?? 0 > 2000 }
      let interrupted = try stopped.outcome()
      #expect(interrupted.code == 130)
      #expect(interrupted.errors.contains("the same command with --resume goes on"))

      let killed = try Command(arguments("killed.jsonl") + slow)
      try killed.send(SIGKILL) { (try? desk.data("killed.jsonl").count) ?? 0 > 2000 }
      #expect(try killed.outcome().code == SIGKILL)

      for name in ["stopped.jsonl", "killed.jsonl"] {
        #expect(try desk.data(name).count < desk.data("whole.jsonl").count)
        let again = try Command.run(arguments(name))
        #expect(again.code == 1 && again.errors.contains("\(name): exists already"), "\(again.errors)")
        let other = try Command.run(arguments(name, "--resume", "--temperature", "0.9"))
        #expect(
          other.errors.contains("temperature: expected 1.0, as when the file was begun, found 0.9"),
          "\(other.errors)")
        let bf16 = try Command.run(arguments(name, "--resume", "--precision", "bf16"))
        #expect(bf16.errors.contains("precision: expected nothing, as when the file was begun, found bf16"))
        let rounded = try Command.run(arguments(name, "--resume", "--cache-precision", "float16"))
        #expect(
          rounded.errors.contains("cache-precision: expected nothing, as when the file was begun, found float16"))
        let resumed = try Command.run(arguments(name, "--resume", "--batch-size", "7", "--threads", "2"))
        #expect(resumed.code == 0, "\(resumed.errors)")
        #expect(try desk.data(name) == desk.data("whole.jsonl"))
      }
      let finished = try Command.run(arguments("whole.jsonl", "--resume"))
      #expect(finished.code == 1 && finished.errors.contains("is finished"), "\(finished.errors)")
    }

    @Test func completionsAreTrainedOnWithThePromptMasked() throws {
      let desk = try Desk()
      let prompts = try desk.write(
        """
        {"question": "The old fox", "text": "of no use", "completion": "neither", "id": 7}
        {"question": "The queen found a lamp", "sample": [1, null]}\n
        """, to: "prompts.jsonl")
      let made = try Command.run(
        generate(
          desk, "--prompt-field", "question", "--samples", "30", "--max-tokens", "20", "--keep-matching", "[a-z]",
          "--output", desk.path("made.jsonl"), prompts: prompts))
      try #require(made.code == 0, "\(made.errors)")
      for command in ["train", "distill"] {
        let models =
          command == "train"
          ? ["--model", desk.workspace.smallConfiguration, "--tokenizer", desk.workspace.tokenizer]
          : ["--student", desk.workspace.smallConfiguration, "--teacher", desk.workspace.teacher]
        let trained = try Command.run(
          [command] + models + [
            "--text", desk.path("made.jsonl"), "--output", desk.path(command), "--steps", "3", "--batch-size", "4",
            "--sequence-length", "16",
          ])
        #expect(trained.code == 0, "\(trained.errors)")
        let metrics = try desk.text("\(command)/metrics.jsonl")
        let step = try #require(
          try JSONSerialization.jsonObject(with: Data(metrics.prefix { $0 != "\n" }.utf8)) as? [String: Any])
        let counted = try #require(step["tokens"] as? Int)
        #expect(counted > 0 && counted < 64)
      }
    }

    @Test(arguments: [
      (["--keep-min-tokens", "9", "--keep-max-tokens", "8"], "--keep-min-tokens: expected a number from 0 to 8"),
      (["--keep-matching", "("], "--keep-matching: expected a regular expression"),
      (["--keep-matching", "#", "--reference", "answer"], "line 1: expected a text under the key answer"),
      (["--keep-mean-log-probability", "1"], "--keep-mean-log-probability: expected a number of at most 0"),
      (["--keep-matching", "no such text", "--max-tokens", "3"], "none of 2 completions was kept: --keep-matching"),
      (["--resume"], "no such file that could be gone on with"),
      (
        ["--prompt-field", "question"],
        "line 1: expected an object with a text under the key \"question\", found the keys \"prompt\""
      ),
    ])
    func badRequests(flags: [String], message: String) throws {
      let desk = try Desk()
      let prompts = try desk.write("{\"prompt\": \"The\"}\n{\"prompt\": \"A\"}\n", to: "prompts.jsonl")
      let outcome = try Command.run(generate(desk, "--output", desk.path("out.jsonl"), prompts: prompts) + flags)
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
      #expect(outcome.output.isEmpty && !desk.exists("out.jsonl") && !desk.exists("out.jsonl.progress"))
    }

    @Test func promptsBeyondTheContextAreNamed() throws {
      let desk = try Desk()
      let prompts = try desk.write(
        "{\"prompt\": \"The\"}\n{\"prompt\": \"\(String(repeating: "zebra ", count: 60))\"}\n", to: "prompts.jsonl")
      let outcome = try Command.run(generate(desk, "--output", desk.path("out.jsonl"), prompts: prompts))
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains("prompts.jsonl, line 2: expected at most 63 tokens"), "\(outcome.errors)")
      #expect(!desk.exists("out.jsonl"))
    }

    @Test(arguments: [
      ["--samples", "2"], ["--resume"], ["--output", "x", "--reference", "answer"],
      ["--output", "x", "--samples", "0"],
      ["--prompt-length", "0"], ["--prompt-length", "3", "--prompt-field", "x"],
      ["--output", "x", "--draft", "d"], ["--cache-precision", "bf16"],
    ])
    func wrongUsage(flags: [String]) throws {
      let outcome = try Command.run(["generate", "--model", "x", "--prompts", "y"] + flags)
      #expect(outcome.code == 64 && outcome.errors.hasPrefix("error: "), "\(outcome.errors)")
    }
  }
}
