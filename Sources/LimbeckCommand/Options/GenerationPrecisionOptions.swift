import ArgumentParser
import ModelFiles
import TensorCore

/// What a model that generates text rounds.
struct GenerationPrecisionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Precision of matrix products; bf16 is up to twice as fast on CPUs with AVX512_BF16.",
      valueName: "type"))
  var precision = ProductPrecision.float32
  @Option(
    help: ArgumentHelp(
      "Precision of the key-value cache; float16 takes half the memory.",
      valueName: "type"))
  var cachePrecision = CachePrecision.float32
  @OptionGroup var weights: WeightRoundingOptions
}

/// What the weights of a model are rounded to while it is read.
struct WeightRoundingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Round the weights to what limbeck export --type writes, and compute with that (default: as they are).",
      valueName: "type"))
  var weights: GGUFWeightType?
}
