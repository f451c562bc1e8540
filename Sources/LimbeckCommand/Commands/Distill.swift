import ArgumentParser
import Distillation
import LanguageModels
import ModelTraining
import TensorCore
import Tokenization

/// `limbeck distill`
struct Distill: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "distill",
    abstract: "Trains a small model, the student, to predict what a large one predicts.",
    discussion: """
      The student takes the teacher's tokenizer. Its loss at each token is
      w * cross-entropy + (1 - w) * t^2 * divergence(teacher, student), with the
      hard-label weight w and both distributions at temperature t.
      --student is a config.json for a fresh model, or a model folder to start from.

      Divergences: forward-kl, reverse-kl, jensen-shannon[:beta],
      symmetric-kl[:weight of the forward side], skew-forward-kl[:lambda],
      skew-reverse-kl[:lambda], total-variation.

      Output folder, recipes, Ctrl-C and --resume are as in 'limbeck train'.

      Example:
        limbeck distill --teacher runs/teacher --student small.json \\
          --text books/ --validation-text held-out.txt --output runs/student \\
          --epochs 2 --divergence jensen-shannon:0.3 --temperature 2
      """)

  @Option(help: ArgumentHelp("The model folder to learn from.", valueName: "dir"))
  var teacher: String?
  @Option(help: ArgumentHelp("A config.json, or a model folder to start from.", valueName: "config.json|dir"))
  var student: String?
  @Option(
    help: ArgumentHelp(
      "The distance from the teacher to make small (default: \(DivergenceChoice.forwardKL.defaultValueDescription)).",
      valueName: "name[:x]"))
  var divergence: DivergenceChoice?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What divides the logits of both models, 0.05 or more (default: 2).", valueName: "t"))
  var temperature: Float?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The weight of the text's own next tokens, 0 to 1 (default: 0.5).", valueName: "w"))
  var hardLabelWeight: Float?
  @Option(
    help: ArgumentHelp(
      "What the teacher rounds the factors of its products to (default: float32); bf16 is faster on CPUs with AVX512_BF16.",
      valueName: "type"))
  var teacherPrecision: ProductPrecision?
  @OptionGroup var options: TrainingOptions

  func run() throws {
    var recipe = try Recipe(contentsOf: options.recipeFile)
    let teacherPath = try recipe.required("teacher", teacher)
    let studentPath = try recipe.required("student", student)
    let objective = try objective(&recipe)
    let teacherPrecision = try recipe.value("teacher-precision", teacherPrecision, default: .float32)
    let settings = try TrainingSettings(options, &recipe)
    try recipe.finish()
    let session = try TrainingSession("distill", settings, recipe: recipe.yaml)

    let teacher = try LoadedModel(folder: teacherPath, precision: teacherPrecision, on: session.device)
    try settings.requireContext(of: teacher.decoder)
    let source = try ModelSource(path: studentPath)
    let distiller = try Distiller(
      teacher: teacher.decoder,
      student: source.decoder(
        for: teacher.tokenizer, seed: settings.recipe.seed, precision: settings.precision, on: session.device),
      tokenizers: (teacher.tokenizer, source.tokenizer ?? teacher.tokenizer), objective.value)
    try session.run(
      distiller.student, teacher.tokenizer, objective: distiller.objective,
      inputs: [
        "student": source.digest, "teacher": teacher.digest, "teacher precision": teacherPrecision.rawValue,
        "objective": objective.description,
      ])
  }

  private func objective(
    _ recipe: inout Recipe
  ) throws(RecipeError) -> (value: DistillationObjective, description: String) {
    let choice = try recipe.value("divergence", divergence, default: .forwardKL)
    let temperature = try recipe.value("temperature", temperature, default: 2)
    let weight = try recipe.value("hard-label-weight", hardLabelWeight, default: 0.5)
    guard temperature >= 0.05, temperature.isFinite else {
      throw recipe.invalid("temperature", expected: "a number of at least 0.05", found: "\(temperature)")
    }
    guard (0...1).contains(weight) else {
      throw recipe.invalid("hard-label-weight", expected: "a number from 0 to 1", found: "\(weight)")
    }
    return (
      DistillationObjective(choice.divergence, temperature: temperature, hardLabelWeight: weight),
      "\(choice.defaultValueDescription), temperature \(temperature), hard-label weight \(weight)"
    )
  }
}
