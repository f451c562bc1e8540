import ArgumentParser
import Diagnostics

/// Where generated text ends.
struct LengthOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Most tokens to generate at a time: for a prompt, or an answer of a chat.", valueName: "n"))
  var maxTokens = 256
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Text at which generation ends; may be given several times.", valueName: "text"))
  var stop: [String] = []

  func validate() throws {
    if maxTokens < 1 { throw ValidationError("max-tokens", expected: "at least 1", found: maxTokens) }
    if stop.contains("") {
      throw ValidationError("stop", expected: "a text of at least one character", found: "an empty one")
    }
  }
}
