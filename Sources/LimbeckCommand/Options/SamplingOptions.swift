import ArgumentParser
import TextGeneration

/// How the next token is chosen.
struct SamplingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Temperature: divides the logits; 0 always takes the most probable token.", valueName: "t"))
  var temperature = 1.0
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Sample from the k most probable tokens; 0 for all.", valueName: "k"))
  var topK = 0
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Sample from the most probable tokens that add up to p; 1 for all.", valueName: "p"))
  var topP = 1.0
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Sample from tokens at least p times as probable as the first; 0 for all.", valueName: "p"))
  var minP = 0.0
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Penalty on tokens that have occurred; 1 for none.", valueName: "x"))
  var repetitionPenalty = 1.0
  @Option(parsing: .unconditional, help: ArgumentHelp("The same seed gives the same text.", valueName: "n"))
  var seed: UInt64 = 0

  var sampling: Sampling {
    Sampling(temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repetitionPenalty)
  }

  func validate() throws {
    do throws(GenerationError) { try sampling.validate() } catch { throw ValidationError("--\(error)") }
  }
}
