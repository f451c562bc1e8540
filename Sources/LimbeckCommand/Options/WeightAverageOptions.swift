import ArgumentParser

/// What is kept of a run's weights beside those of its last step.
struct WeightAverageOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep and validate a moving average of the weights with this decay, such as 0.99 (default: none).",
      valueName: "x"))
  var emaDecay: Double?
}
