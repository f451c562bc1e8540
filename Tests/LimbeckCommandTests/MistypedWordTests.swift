import Testing

@testable import LimbeckCommand

extension CommandTests {
  @Suite struct MistypedWords {
    @Test(arguments: [
      (["distil"], "unknown subcommand 'distil'; did you mean 'distill'?", "limbeck --help"),
      (["help", "distil"], "unknown subcommand 'distil'; did you mean 'distill'?", "limbeck --help"),
      (["tokenizer", "trian"], "unknown subcommand 'trian'; did you mean 'train'?", "limbeck tokenizer --help"),
      (
        ["help", "tokenizer", "trian"], "unknown subcommand 'trian'; did you mean 'train'?", "limbeck tokenizer --help"
      ),
      (["nonsense"], "unknown subcommand 'nonsense'\n", "limbeck --help"),
      (
        ["generate", "--model", "x", "--promt", "a"], "unknown option '--promt'; did you mean '--prompt'?",
        "limbeck generate --help"
      ),
      (
        ["train", "--batch_size=0", "--steps", "1"], "unknown option '--batch_size'; did you mean '--batch-size'?",
        "limbeck train --help"
      ),
      (["tokenizer", "encode", "--tokeniser", "x"], "did you mean '--tokenizer'?", "limbeck tokenizer encode --help"),
      (["inspect", "x", "--zzz"], "unknown option '--zzz'\n", "limbeck inspect --help"),
    ])
    func areToldBeforeAnythingElse(arguments: [String], message: String, advice: String) throws {
      let outcome = try Command.run(arguments)
      #expect(outcome.code == 64 && outcome.output.isEmpty)
      #expect(outcome.errors.hasPrefix("error: ") && outcome.errors.contains(message), "\(outcome.errors)")
      #expect(outcome.errors.hasSuffix("  See '\(advice)' for more information.\n"), "\(outcome.errors)")
    }

    @Test("Values that look like options are no options")
    func valuesThatLookLikeOptions() throws {
      let outcome = try Command.run("generate", "--model", "x", "--prompt", "--promt", "--max-tokens", "0")
      #expect(outcome.errors.contains("--max-tokens: expected"), "\(outcome.errors)")
      #expect(throws: Never.self) { try MistypedWord.refuseOption(["inspect", "x", "--", "--zzz"]) }
    }

    @Test(arguments: [
      (
        ["distill", "--divergence", "forward_kl"], "--divergence: expected one of forward-kl, ",
        "found \"forward_kl\"; did you mean 'forward-kl'?"
      ),
      (["distill", "--divergence", "kl"], "--divergence: expected one of ", "did you mean 'forward-kl'?"),
      (["distill", "--divergence", "hellinger"], "--divergence: expected one of ", "found \"hellinger\"\n"),
      (["train", "--steps", "many"], "--steps: expected a whole number, found \"many\"\n", "limbeck train --help"),
      (["generate", "--model", "x", "--top-p", "half"], "--top-p: expected a number, found \"half\"\n", "Usage: "),
      (["train", "--precision", "BF16"], "--precision: expected one of ", "did you mean 'bf16'?"),
      (["train", "--precision", "bfloat16"], "--precision: expected one of ", "did you mean 'bf16'?"),
      (["train", "--weights", "fp16"], "--weights: expected one of ", "did you mean 'float16'?"),
      (
        ["distill", "--temperature", "hot"],
        "--temperature: expected a number, linear:from..to or cosine:from..to, found",
        "\"hot\"\n"
      ),
      (
        ["generate", "--model", "x", "--draft", "y", "--draft-tokens", "0"],
        "--draft-tokens: expected a whole number from 1 or adaptive, found \"0\"\n", "Usage: "
      ),
    ])
    func valuesHaveTheWordOrderOfAllErrors(arguments: [String], message: String, rest: String) throws {
      let outcome = try Command.run(arguments)
      #expect(outcome.code == 64 && outcome.output.isEmpty)
      #expect(outcome.errors.hasPrefix("error: \(message)"), "\(outcome.errors)")
      #expect(outcome.errors.contains(rest), "\(outcome.errors)")
    }
  }
}
