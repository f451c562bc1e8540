import ArgumentParser
import TensorCore

/// What a model that generates text rounds.
struct GenerationPrecisionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What the factors of products are rounded to; with bf16 the weights that are read for each token are half as large, which is up to twice as fast on CPUs with AVX512_BF16.",
      valueName: "type"))
  var precision = ProductPrecision.float32
  @Option(
    help: ArgumentHelp(
      "What keys and values of earlier tokens are kept as: float16 takes half the memory, and many prompts together are faster.",
      valueName: "type"))
  var cachePrecision = CachePrecision.float32
}
