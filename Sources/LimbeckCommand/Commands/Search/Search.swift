import ArgumentParser
import Diagnostics
import Distillation
import Foundation
import LanguageModels
import Limbeck
import ModelFiles
import ModelTraining
import TensorCore

/// `limbeck search`
struct Search: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search",
    abstract: "Finds the best students of every size, by many short distillations.",
    discussion: """
      Each run cuts a student out of the teacher and distils it on the same text for
      the same steps. Half of the runs are spread evenly over the logarithm of the
      size, each with another trade of layers against width; the others lie between
      the best of those before. The end is a table of all runs: those with a * are
      the Pareto front, which no other run beats in size, speed and perplexity. Runs
      whose loss was not finite stand at the end of the table.

      OUTPUT/run-01 and so on are runs of 'limbeck distill', for 'limbeck report'.
      What is done is not done again: after Ctrl-C, a kill or an error the same
      command goes on. The front tells which size to choose; then distil that student
      for longer, from OUTPUT/start-NN.

      Example:
        limbeck search --teacher runs/teacher --text books/ --parameters 200K..1500K \\
          --validation-text held-out.txt --runs 12 --steps 200 --output search
        limbeck report search/run-* --output report.html
      """)

  @Option(help: ArgumentHelp("The teacher's model folder, or .gguf file.", valueName: "model"))
  var teacher: String
  @Option(parsing: .upToNextOption, help: ArgumentHelp("Text to learn: files or folders.", valueName: "path"))
  var text: [String]
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Text to measure on (default: 5 % of the paragraphs of --text).", valueName: "path"))
  var validationText: [String] = []
  @Option(
    help: ArgumentHelp("Sizes to search, about, such as 1M..30M, below the teacher's.", valueName: "a..b"))
  var parameters: ParameterRange
  @Option(parsing: .unconditional, help: ArgumentHelp("Students to distil.", valueName: "n"))
  var runs: Int
  @Option(parsing: .unconditional, help: ArgumentHelp("Steps of each.", valueName: "n"))
  var steps: Int
  @Option(help: ArgumentHelp("Folder for all runs.", valueName: "dir"))
  var output: String
  @Option(help: ArgumentHelp("Start from parts of the teacher, or from random weights.", valueName: "name"))
  var start = SearchStart.cut
  @Option(parsing: .unconditional, help: ArgumentHelp("Sequences per step.", valueName: "n"))
  var batchSize = TrainingRecipe().batchSize
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens per sequence (default: 256, or the teacher's context).", valueName: "n"))
  var sequenceLength: Int?
  @Option(parsing: .unconditional, help: ArgumentHelp("The highest learning rate.", valueName: "x"))
  var learningRate = TrainingRecipe().learningRate
  @Option(parsing: .unconditional, help: ArgumentHelp("Weight of the text beside the teacher, 0 to 1.", valueName: "x"))
  var hardLabelWeight = 0.0
  @Option(parsing: .unconditional, help: ArgumentHelp("Seed of the order of the text.", valueName: "n"))
  var seed: UInt64 = 0
  @Flag(help: "Print one JSON object.")
  var json = false
  @OptionGroup(title: "Device") var device: DeviceOptions

  /// More than anyone waits for, or has names for.
  private static let (allowedRuns, mostSteps) = (2...1000, 1_000_000_000)

  func validate() throws {
    for (path, flag) in [(output, "output"), (teacher, "teacher")] { try ValidationError.requirePath(path, flag) }
    if text.isEmpty { throw ValidationError("text", expected: "a file or a folder", found: "none") }
    if !Self.allowedRuns.contains(runs) {
      throw ValidationError("runs", expected: "from 2 to \(Self.allowedRuns.upperBound)", found: "\(runs)")
    }
    if !(1...Self.mostSteps).contains(steps) {
      throw ValidationError("steps", expected: "from 1 to \(Self.mostSteps)", found: "\(steps)")
    }
    if !(hardLabelWeight >= 0 && hardLabelWeight <= 1) {
      throw ValidationError("hard-label-weight", expected: "from 0 to 1", found: "\(hardLabelWeight)")
    }
    do throws(TrainingError) { try recipe(contextLength: .max).validate() } catch {
      guard case .value(let value) = error else { throw error }
      throw ValidationError(value)
    }
  }

  /// What all runs have in common.
  func recipe(contextLength: Int) -> TrainingRecipe {
    TrainingRecipe(
      steps: steps, batchSize: batchSize, sequenceLength: sequenceLength ?? min(256, contextLength),
      learningRate: learningRate, warmupSteps: steps / 8, seed: seed)
  }

  func run() throws {
    let device = try device.device
    let model = try LanguageModel(path: teacher, on: device)
    let configuration = model.configuration
    try requireSizes(of: configuration)
    let length = recipe(contextLength: configuration.contextLength).sequenceLength
    guard length <= configuration.contextLength else {
      throw InvalidValue.sequenceLength(length, beyond: configuration.contextLength, of: "the teacher")
    }
    try ClaimedFolder.claim(
      output, for: SearchSettings(self), named: "search", of: "a search with these options")
    let console = Console()
    let importance = try importance(of: model, on: device, console)
    console.write("Ctrl-C stops; the same command goes on")
    let spread = ShapeSpread(
      of: configuration, importance, sizes: parameters.sizes, count: runs, isPossible: Self.isPossible)
    let estimate = SearchTime(self, of: model, and: spread.next(after: []), on: device)
    var (results, clock) = ([SearchResult](), SearchClock(estimate, runs: runs))
    while results.count < runs, let plan = spread.next(after: results.map(\.trial)) {
      let run = SearchRun(self, number: results.count + 1, plan)
      do {
        results.append(try finished(run, after: results.count, &clock, console))
      } catch let error where isNonFinite(error) {
        console.write("\(run.folder): \(error); it counts as the worst")
        results.append(run.diverged)
      } catch {
        console.write("\(results.count) of \(runs) runs are done; the same command goes on")
        throw error
      }
    }
    guard results.contains(where: { !$0.hasDiverged }) else {
      throw InvalidValue(
        "--learning-rate", expected: "one with which a loss stays finite", found: "\(learningRate)",
        advice: "all \(Format.count(results.count, "run")) diverged: try a tenth of it, with another --output")
    }
    let table = try SearchTable(results, console, on: device)
    if json { return try StandardOutput.write(json: table) }
    try StandardOutput.write(table.text)
    console.write("as a page: limbeck report \(output.shellQuoted)/run-* --output report.html")
  }

  /// What comes of a run, which is made where it is not there.
  private func finished(
    _ run: SearchRun, after done: Int, _ clock: inout SearchClock, _ console: Console
  ) throws -> SearchResult {
    if let result = try run.result { return result }
    console.write(clock.line(done: done))
    try clock.timing { for step in try run.steps where !step.isDone { try step.run() } }
    guard let result = try run.result else { throw CommandError.notARun(folder: run.folder) }
    return result
  }

  /// Whether the teacher's family can have these sizes.
  @Sendable private static func isPossible(_ configuration: DecoderConfiguration) -> Bool {
    (try? configuration.huggingFaceJSON(weightType: .float32)) != nil
  }

  private func requireSizes(of teacher: DecoderConfiguration) throws {
    let whole = teacher.weightCount ?? .max
    let budget = PruningBudget(limit: .infinity, isPossible: Self.isPossible) { Double($0.weightCount ?? .max) }
    let least = Int(budget.leastCost(of: teacher))
    guard parameters.sizes.lowerBound >= least, parameters.sizes.upperBound < whole else {
      throw InvalidValue(
        "--parameters",
        expected: "from \(Format.count(least)), the smallest shape, to below the teacher's \(Format.count(whole))",
        found: "\(Format.count(parameters.sizes.lowerBound)) to \(Format.count(parameters.sizes.upperBound))")
    }
  }

  private func importance(
    of model: LanguageModel, on device: Device, _ console: Console
  ) throws -> LayerImportance {
    let text = try CalibrationText(text, flag: "text", model, on: device)
    let parts = try text.parts(contextLength: model.configuration.contextLength)
    var progress = ProgressLine("layer", on: console, announcing: "measuring \(teacher) without each layer")
    defer { progress.end() }
    return LayerImportance(of: model.decoder, on: parts.heldOut) { progress.show($0, of: $1) }
  }
}

/// What a folder of runs was made with: another search does not go on with it.
private struct SearchSettings: Codable, Equatable {
  let teacher: String
  let text, validationText: [String]
  let least, most, runs, steps, batchSize: Int
  let sequenceLength: Int?
  let start: String
  let learningRate, hardLabelWeight: Double
  let seed: UInt64

  init(_ search: Search) {
    (teacher, text, validationText) = (search.teacher, search.text, search.validationText)
    (least, most) = (search.parameters.sizes.lowerBound, search.parameters.sizes.upperBound)
    (runs, steps, batchSize) = (search.runs, search.steps, search.batchSize)
    (sequenceLength, start) = (search.sequenceLength, search.start.rawValue)
    (learningRate, hardLabelWeight, seed) = (search.learningRate, search.hardLabelWeight, search.seed)
  }
}
