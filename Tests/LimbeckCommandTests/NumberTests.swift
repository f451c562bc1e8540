import ArgumentParser
import Foundation
import Testing

@testable import LimbeckCommand

extension CommandTests {
  /// Whatever number the user gives, a call ends with a result or an error, never with a trap.
  @Suite struct Numbers {
    private static let numbers = ["9223372036854775807", "1000000000000", "1", "0", "-1"]

    /// A call that works, in which `TEACHER`, `TEXT` and so on are those of the workspace, and flags that take whole
    /// numbers.
    struct Call: CustomTestStringConvertible {
      let words: [String]
      let flags: [String]

      init(_ call: String, _ flags: String) {
        words = call.split(separator: " ").map(String.init)
        self.flags = flags.split(separator: " ").map { "--\($0)" }
      }

      var testDescription: String { words.joined(separator: " ") }
    }

    static let calls = [
      Call(
        "generate --model TEACHER --prompts PROMPTS --temperature 0 --max-tokens 4 --threads 1",
        "max-tokens batch-size top-k prompt-count seed threads"),
      Call(
        "generate --model TEACHER --prompts TEXT --prompt-length 8 --prompt-count 2 --max-tokens 2", "prompt-length"),
      Call(
        "generate --model TEACHER --prompts PROMPTS --output new.jsonl --max-tokens 4",
        "samples max-tokens batch-size keep-min-tokens keep-max-tokens"),
      Call("generate --model TEACHER --draft TEACHER --prompts PROMPTS --max-tokens 4", "draft-tokens max-tokens"),
      Call("chat --model TEACHER --max-tokens 4", "max-tokens top-k seed threads"),
      Call("perplexity --model TEACHER --text HELDOUT --window 32", "window stride threads"),
      Call("compare --teacher TEACHER --student TEACHER --text HELDOUT --window 32", "window stride generate"),
      Call("student --from TEACHER --output new", "every count"),
      Call(
        "student --from TEACHER --output new --hidden-size 16 --calibration-text HELDOUT",
        "hidden-size feed-forward-size heads key-value-heads calibration-tokens"),
      Call(
        "cache-teacher --teacher TEACHER --text HELDOUT --output new --method top-k --sequence-length 16",
        "k sequence-length seed"),
      Call("cache-teacher --teacher TEACHER --text HELDOUT --output new --sequence-length 16", "draws"),
      Call(
        "train --model CONFIG --tokenizer TOKENIZER --text HELDOUT --output new --steps 1 --batch-size 2 "
          + "--sequence-length 16 --validation-text HELDOUT --evaluation-sequences 1",
        "batch-size micro-batch-size sequence-length warmup-steps evaluate-every evaluation-sequences "
          + "checkpoint-every kept-checkpoints seed"),
      Call(
        "distill --teacher TEACHER --student CONFIG --text HELDOUT --output new --steps 1 --batch-size 2 "
          + "--sequence-length 16 --on-policy 1", "prompt-length completion-length sequence-length"),
      Call(
        "distill --teacher TEACHER --student CONFIG --text HELDOUT --output new --steps 1 --batch-size 2 "
          + "--sequence-length 16 --relation-weight 1", "relation-heads"),
      Call(
        "tokenizer train --text TEXT --output new.model --vocabulary-size 300",
        "vocabulary-size sampled-lines threads bos-id eos-id pad-id unk-id"),
      Call("doctor", "threads"),
    ]

    @Test(arguments: calls) func endWithAResultOrAnError(call: Call) throws {
      for flag in call.flags {
        for number in Self.numbers {
          let desk = try Desk()
          let workspace = desk.workspace
          let prompts = try desk.write("The old fox\nA lamp\n", to: "prompts.txt")
          let places = [
            "TEACHER": workspace.teacher, "TEXT": workspace.text, "HELDOUT": workspace.heldOut, "PROMPTS": prompts,
            "CONFIG": workspace.smallConfiguration, "TOKENIZER": workspace.tokenizer,
          ]
          let words = call.words.map { places[$0] ?? $0 }
          // of two values the last one counts
          let outcome = try Command.run(words + [flag, number], in: desk.folder, input: Data("The\nA\n".utf8))
          #expect(
            [0, 1, 64].contains(outcome.code), "\(flag) \(number): \(outcome.code): \(outcome.errors.suffix(300))")
          if outcome.code != 0 {
            #expect(outcome.errors.contains("error: "), "\(flag) \(number): \(outcome.errors.suffix(300))")
          }
        }
      }
    }

    @Test func noLimitIsTheContext() throws {
      let desk = try Desk()
      let prompts = try desk.write("The old fox\nA lamp\n", to: "prompts.txt")
      let call = ["generate", "--model", desk.workspace.teacher, "--prompts", prompts, "--temperature", "0"]
      let most = try Command.run(call + ["--max-tokens", "9223372036854775807"])
      #expect(most.code == 0, "\(most.errors)")
      #expect(most.output == (try Command.run(call + ["--max-tokens", "64"]).output))
      let samples = try Command.run(
        call + ["--samples", "9223372036854775807", "--output", desk.path("new.jsonl")])
      #expect(samples.code == 1 && !desk.exists("new.jsonl"))
      #expect(samples.errors.contains("--samples: expected at most "), "\(samples.errors)")
    }

    /// The parser alone, with every option of every command.
    @Test func everyOptionCanBeParsed() throws {
      for command in Limbeck.configuration.subcommands {
        for path in [[command]] + command.configuration.subcommands.map({ [command, $0] }) {
          for option in OptionDescription.all(of: [Limbeck.self] + path) where !option.valueName.isEmpty {
            for number in Self.numbers + ["18446744073709551616", "1e400", ""] {
              _ = try? Limbeck.parseAsRoot(path.map { $0._commandName } + ["--\(option.name)", number])
            }
          }
        }
      }
    }
  }
}
