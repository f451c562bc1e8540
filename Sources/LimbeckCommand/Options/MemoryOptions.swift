import ArgumentParser
import ModelTraining

/// How a run of `train` or `distill` is made to fit into memory.
struct MemoryOptions: ParsableArguments {
  @Flag(help: "Compute each layer anew in the backward pass: less memory, the same bits, about a fourth more time.")
  var recompute = false
  @Flag(help: "Show what memory the run would take, and stop before anything is loaded.")
  var plan = false
  @Flag(help: "Print one JSON object, with --plan or with the --budget of 'limbeck distill'.")
  var json = false
  @Option(
    help: ArgumentHelp(
      "Refuse a run that needs more memory, mapped files not counted, which the system can drop: 800MB, 4GiB "
        + "(default: what the machine has to spare).", valueName: "size"))
  var memoryLimit: ByteCount?

  /// Throws where JSON is asked of a run that prints no result, as one with `flags` does.
  func requireResult(_ flags: String = "--plan", isGiven: Bool = false) throws {
    if json, !plan, !isGiven { throw ValidationError("json", expected: "\(flags) beside it", found: "none") }
  }
}

/// `MemoryOptions`, settled.
struct MemorySettings {
  /// Whether the backward pass computes each layer anew.
  let recomputes: Bool
  /// Whether the memory is only to be shown.
  let isPlanned: Bool
  private let showsJSON: Bool
  /// What a run may need at most; nil for what there is.
  let limit: ByteCount?

  init(_ options: MemoryOptions, _ recipe: inout RecipeFile) throws(RecipeError) {
    recomputes = try recipe.value("recompute", options.recompute ? true : nil) ?? false
    (isPlanned, showsJSON) = (options.plan, options.json)
    limit = try recipe.value("memory-limit", options.memoryLimit)
  }

  /// Writes a plan to standard output.
  func show(_ plan: MemoryPlan, _ limit: MemoryLimit?) throws {
    if showsJSON { return try StandardOutput.write(json: PlanReport(plan)) }
    try StandardOutput.write(plan.table(limit: limit))
  }
}
