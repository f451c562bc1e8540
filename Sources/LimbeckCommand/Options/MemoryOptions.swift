import ArgumentParser

/// How a run of `train` or `distill` is made to fit into memory.
struct MemoryOptions: ParsableArguments {
  @Flag(help: "Compute each layer anew in the backward pass: less memory, the same bits, about a fourth more time.")
  var recompute = false
}

/// `MemoryOptions`, settled.
struct MemorySettings {
  /// Whether the backward pass computes each layer anew.
  let recomputes: Bool

  init(_ options: MemoryOptions, _ recipe: inout RecipeFile) throws(RecipeError) {
    recomputes = try recipe.value("recompute", options.recompute ? true : nil) ?? false
  }
}
