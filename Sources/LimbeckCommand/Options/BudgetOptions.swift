public import ArgumentParser
import Diagnostics
public import Limbeck
import ModelFiles

/// What a student may cost at most, in place of the sizes that it is to have.
struct BudgetOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Find a student of at most so many weights, such as 30M.", valueName: "size"))
  var parameters: ModelSize?
  @Option(
    help: ArgumentHelp("Find one that 'limbeck export' writes in at most so many bytes, such as 20MB.", valueName: "n"))
  var bytes: ByteCount?
  @Option(help: ArgumentHelp("Type of that file, as of 'limbeck export' (default: f16).", valueName: "type"))
  var type: GGUFWeightType?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Find one that generates so many tokens a second here, in float32.", valueName: "x"))
  var tokensPerSecond: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Steps that the last shapes are trained for, to compare them (default: \(Self.standardTrialSteps)).",
      valueName: "n"))
  var trialSteps: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Cut in so many equal rounds (default: 1, of at most a third).", valueName: "n"))
  var rounds: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Steps of distilling between rounds, on the calibration text.", valueName: "n"))
  var steps: Int?

  private static let standardTrialSteps = 40
  /// More than anyone waits for.
  private static let mostSteps = 1_000_000

  /// Whether there is a budget.
  var isGiven: Bool { parameters != nil || bytes != nil || tokensPerSecond != nil }

  /// The steps of trials.
  var resolvedTrialSteps: Int { trialSteps ?? Self.standardTrialSteps }

  func validate() throws {
    if [parameters != nil, bytes != nil, tokensPerSecond != nil].filter(\.self).count > 1 {
      throw ValidationError(
        "parameters", expected: "one of --parameters, --bytes and --tokens-per-second", found: "several")
    }
    if let type, bytes == nil {
      throw ValidationError("type", expected: "--bytes, for a file of this type", found: type.rawValue)
    }
    if let tokensPerSecond, !(tokensPerSecond > 0 && tokensPerSecond.isFinite) {
      throw ValidationError("tokens-per-second", expected: "a number above 0", found: "\(tokensPerSecond)")
    }
    for (name, value) in [("trial-steps", trialSteps), ("rounds", rounds), ("steps", steps)] {
      guard let value else { continue }
      if !isGiven {
        throw ValidationError(
          name, expected: "a budget: --parameters, --bytes or --tokens-per-second", found: "none")
      }
      if !(1...Self.mostSteps).contains(value) {
        throw ValidationError(name, expected: "from 1 to \(Self.mostSteps)", found: "\(value)")
      }
    }
    let hasRounds = (rounds ?? 1) > 1
    if hasRounds != (steps != nil) {
      throw ValidationError(
        hasRounds ? "steps" : "rounds",
        expected: hasRounds ? "the steps of distilling between rounds" : "2 or more with --steps",
        found: hasRounds ? "none" : "\(rounds ?? 1)")
    }
  }
}

extension ModelSize: ExpressibleByArgument {
  /// `260K`, `3M`, `1.5B` or `small`.
  public init?(argument: String) { self.init(argument) }
}
