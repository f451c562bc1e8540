import ArgumentParser
import Glibc

/// The root of the command: names the subcommands, and turns every error into one line and an exit code.
@main
struct Limbeck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limbeck",
    abstract: "Distils large language models into small ones, on CPUs.",
    discussion: """
      A small model of your own, from a text, in six commands:
        limbeck tokenizer train --text books.txt --vocabulary-size 2048 \\
          --output tokenizer.model
        limbeck train --model small --tokenizer tokenizer.model \\
          --text books.txt --output teacher --steps 400 --learning-rate 4e-3
        limbeck distill --teacher teacher --student 500K \\
          --text books.txt --output student --steps 400 --learning-rate 4e-3
        limbeck compare --teacher teacher --student student --text held-out.txt
        limbeck report student --text held-out.txt --output report.html
        limbeck generate --model student --prompt "Once upon a time"

      A teacher may also be a folder from the Hugging Face hub: Llama, Mistral, Qwen,
      Gemma, SmolLM, Phi-3 and others (docs/models.md), with its own tokenizer; or a
      .gguf file, as llama.cpp has them, whose quantised weights stay as they are.

      Results go to standard output; progress, logs and errors to standard error.
      The exit code is 0 for success, 1 for an error, 64 for wrong usage, and 130
      after Ctrl-C.

      Examples of every subcommand: limbeck help SUBCOMMAND
      """,
    version: "limbeck 0.1.0",
    subcommands: [
      TokenizerCommand.self, Train.self, Student.self, Vocabulary.self, CacheTeacher.self, Distill.self,
      Merge.self, PerplexityCommand.self, Evaluate.self, Compare.self, ReportCommand.self, Generate.self, Chat.self,
      Serve.self, Search.self, Export.self, Inspect.self, Doctor.self, Demo.self,
    ])

  static func main() {
    // A write beyond a size limit then fails with an error that names the file, instead of ending the process.
    signal(SIGXFSZ, SIG_IGN)
    do {
      var command = try parsed(Array(CommandLine.arguments.dropFirst()))
      do { try command.run() } catch let error where isUsage(error) {
        // errors of a running command do not know which one it was
        let path = try MistypedWord.path(Array(CommandLine.arguments.dropFirst())).path
        let name = path.map { $0._commandName }.joined(separator: " ")
        Console().write("error: \(error)\n  See '\(name) --help' for more information.")
        throw ExitCode.validationFailure
      }
    } catch let error where error is MistypedWord || error is MissingOptions {
      Console().write("error: \(error)")
      Glibc.exit(ExitCode.validationFailure.rawValue)
    } catch let code as ExitCode {
      Glibc.exit(code.rawValue)
    } catch {
      finish(with: error)
    }
  }

  /// Whether the call is wrong, rather than what it names.
  private static func isUsage(_ error: any Error) -> Bool {
    error is ValidationError || (error as? RecipeError)?.isUsage == true
  }

  /// The command that is called. A word that does not exist is told before anything else, and
  /// then all options that are missing.
  private static func parsed(_ arguments: [String]) throws -> any ParsableCommand {
    try Renamed.refuse(arguments)
    try MistypedWord.refuseSubcommand(arguments)
    let command: any ParsableCommand
    do { command = try parseAsRoot(arguments) } catch {
      if exitCode(for: error) == .validationFailure {
        try MistypedWord.refuseOption(arguments)
        try MissingOptions.refuse(arguments, parsedTo: nil)
      }
      throw error
    }
    try MissingOptions.refuse(arguments, parsedTo: command)
    if let distill = command as? Distill { try distill.budgeted.requireAlone(arguments) }
    return command
  }

  /// Help and version go to standard output, everything else to standard error.
  private static func finish(with error: any Error) -> Never {
    let code = exitCode(for: error)
    let arguments = Array(CommandLine.arguments.dropFirst())
    switch code {
    case .success:
      print(fullMessage(for: error))
    case .validationFailure:
      let message = InvalidOptionValue.reworded(fullMessage(for: error), arguments)
      Console().write(message.hasPrefix("Error:") ? "error:" + message.dropFirst("Error:".count) : message)
    default:
      Console().write("error: \(InvalidOptionValue.named(message(for: error), arguments))")
    }
    Glibc.exit(code.rawValue)
  }
}
