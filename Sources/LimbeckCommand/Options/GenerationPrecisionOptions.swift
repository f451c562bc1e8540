import ArgumentParser
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
}
