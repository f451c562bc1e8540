import ArgumentParser
import Testing

@testable import LimbeckCommand

extension CommandTests {
  @Suite struct MissingOption {
    @Test(arguments: [
      (["cache-teacher", "--from-kld", "x"], "--output is missing; --from-kld needs --text and --tokenizer as well\n"),
      (["cache-teacher", "--teacher", "x", "--output", "y"], "--teacher: expected --text beside it, found none\n"),
      (["vocabulary"], "--from, --text and --output are missing\n"),
      (["vocabulary", "--from=x"], "--text and --output are missing\n"),
      (
        ["vocabulary", "--from", "x", "--also", "3"],
        "--text and --output are missing; --also needs --also-text as well\n"
      ),
      (
        ["generate", "--model", "x", "--prompt", "a", "--reference", "b"],
        "--reference: expected --output and --keep-matching beside it, found none\n"
      ),
      (
        ["generate", "--model", "x", "--prompts", "a", "--keep-ended", "--samples", "2"],
        "--keep-ended: expected --output beside it, found none\n"
      ),
      (
        ["generate", "--model", "x", "--prompt", "--prompts", "--prompt-field", "a"],
        "--prompt-field: expected --prompts beside it, found none\n"
      ),
      (["chat", "--model", "x", "--draft-tokens", "2"], "--draft-tokens: expected --draft beside it, found none\n"),
      (["train"], "--model, --text and --output are missing; give the flags, or these keys in a recipe\n"),
      (["train", "--continue", "x", "--output", "y"], "x"),
      (["distill"], "--teacher, --student, --text and --output are missing; give the flags"),
      (
        ["distill", "--teacher-cache", "x", "--output", "y"], "--student is missing; give the flag, or the key student"
      ),
    ])
    func allThatAreMissingAreTold(arguments: [String], message: String) throws {
      let outcome = try Command.run(arguments)
      #expect(outcome.code != 0 && outcome.output.isEmpty)
      #expect(outcome.errors.hasPrefix("error: \(message)"), "\(outcome.errors)")
      if outcome.code == 64 { #expect(outcome.errors.hasSuffix(" --help' for more information.\n")) }
    }

    /// A name that a command does not have would never be asked for.
    @Test func groupsNameOptionsOfTheirCommand() {
      for command in Limbeck.configuration.subcommands {
        let names = OptionDescription.all(of: [Limbeck.self, command]).map(\.name)
        for (flag, needed) in (command as? any OptionGroups.Type)?.needs ?? [:] {
          for name in [flag] + needed { #expect(names.contains(name), "\(command): \(name)") }
        }
      }
    }

    @Test func helpNeedsNoOptions() throws {
      for arguments in [
        ["help", "vocabulary"], ["vocabulary", "--help"], ["cache-teacher", "--from-kld", "x", "-h"],
      ] {
        #expect(try Command.run(arguments).code == 0)
      }
    }
  }
}
