public import ArgumentParser
import Diagnostics
public import Distillation
import ModelTraining

/// In which steps a student learns from its teacher, and from which one.
struct TeacherStepOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Distil only in the first steps, so many or a share of all; then learn the text alone, without the teacher.",
      valueName: "n|p%"))
  var distilFirst: DistilledSteps.Count?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Distil only in the last steps; before, learn the text alone.", valueName: "n|p%"))
  var distilLast: DistilledSteps.Count?
  @Flag(help: "Of several teachers, ask one at each step, drawn by --teacher-weights, in place of the mixture.")
  var oneTeacherPerStep = false

  /// The steps, from the flags or the recipe.
  private func steps(_ recipe: inout RecipeFile) throws(RecipeError) -> DistilledSteps {
    let first = try recipe.value("distil-first", distilFirst)
    let last = try recipe.value("distil-last", distilLast)
    if first != nil, let last {
      throw recipe.invalid(
        "distil-last", expected: "nothing with --distil-first", found: "\(last)", advice: "give one of them")
    }
    return first.map { .first($0) } ?? last.map { .last($0) } ?? .all
  }

  /// An objective, and its description, in these steps alone.
  func limit(
    _ objective: (value: ScheduledObjective, description: String), _ recipe: inout RecipeFile
  ) throws(RecipeError) -> (value: ScheduledObjective, description: String) {
    var limited = objective
    limited.value.distilledSteps = try steps(&recipe)
    do { try limited.value.validate() } catch { throw recipe.invalid(error) }
    switch limited.value.distilledSteps {
    case .all: break
    case .first(let count): limited.description += ", distil-first \(count)"
    case .last(let count): limited.description += ", distil-last \(count)"
    }
    return limited
  }
}

extension DistilledSteps {
  /// Throws where there are more of them than a run has, as far as that is known.
  func requireFit(_ training: TrainingRecipe, _ recipe: RecipeFile) throws(RecipeError) {
    guard let total = training.steps else { return }
    switch self {
    case .first(.steps(let count)) where count > total:
      throw recipe.invalid("distil-first", expected: "at most the \(total) steps of the run", found: "\(count)")
    case .last(.steps(let count)) where count > total:
      throw recipe.invalid("distil-last", expected: "at most the \(total) steps of the run", found: "\(count)")
    default: break
    }
  }
}

/// Steps as text: `200` or `30%`.
extension DistilledSteps.Count: ExpressibleByArgument {
  public init?(argument: String) {
    if let steps = Int(argument) {
      self = .steps(steps)
    } else if argument.hasSuffix("%"), let percent = Double(argument.dropLast()), percent.isFinite {
      self = .share(percent / 100)
    } else {
      return nil
    }
  }

  public static var allValueStrings: [String] { ["a number of steps", "a share of them such as 30%"] }

  public var defaultValueDescription: String { description }
}
