import ArgumentParser
import Distillation
import LanguageModels
import Limbeck
import ModelTraining
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
      skew-reverse-kl[:lambda], total-variation; or a weighted sum of them,
      0.7*forward-kl+0.3*reverse-kl.

      The default, forward-kl at temperature 1 without cross-entropy, was the best of all
      divergences and temperatures on two texts (docs/distilling.md); weight 0.5 at
      temperature 2 had less than half of its gain. To start from a part of the
      teacher ('limbeck student') gained more than any choice of the objective.

      Temperature and weights are numbers, or change from the first step to the last:
      linear:4..1, cosine:0.9..0.1 (half a cosine, flat at both ends).

      Several --teacher distil the mixture of the teachers' distributions, not the mean
      of their logits. All must have the same tokenizer.

      --align-layers 2:0,5:1 compares the hidden states after layers 2 and 5 of the
      teacher with those after layers 0 and 1 of the student. Layers count from 0.
      'embedding' is the input of the first layer, 'last' the states after the final
      norm. --hidden-cosine-weight and --hidden-mse-weight say how they are compared.
      Where the sizes differ, the student's states go through a projection that is
      trained with it and not kept. Of several teachers, the first is compared.

      With --on-policy, that share of the steps learns from completions that the
      student samples and the teacher judges (GKD). It completes --prompts, or the
      beginnings of the text's sequences. metrics.jsonl marks these steps with
      "on_policy": true.

      With --teacher-cache no teacher is loaded, and the temperature is that of the
      cache. If --teacher is given as well, the cache must be of that teacher.

      Output folder, recipes, Ctrl-C, --resume and --continue are as in
      'limbeck train'. The same student without the teacher, from which the gain is
      measured: 'limbeck train --control-of RUN'.

      Example:
        limbeck distill --teacher runs/teacher --student small.json \\
          --text books/ --validation-text held-out.txt --output runs/student \\
          --epochs 2 --divergence jensen-shannon:0.3 --temperature 2
        limbeck distill --teacher runs/one --teacher runs/two --teacher-weights 2,1 \\
          --student small.json --text books/ --output runs/student --epochs 2 \\
          --temperature linear:4..1 --divergence 'forward-kl+cosine:0..1*reverse-kl'
        limbeck distill --teacher runs/teacher --student small.json --text books/ \\
          --output runs/student --epochs 2 --preset distilbert --align-layers 2:0,last
      """)

  @OptionGroup var teachers: TeacherOptions
  @Option(help: ArgumentHelp("A config.json, or a model folder to start from.", valueName: "config.json|dir"))
  var student: String?
  @OptionGroup var objective: ObjectiveOptions
  @OptionGroup var hiddenStates: HiddenStateOptions
  @OptionGroup var onPolicy: OnPolicyOptions
  @OptionGroup var teacherCache: TeacherCacheOptions
  @OptionGroup var options: TrainingOptions

  func run() throws {
    var recipe = try options.recipeFile()
    if let cache = try TeacherCacheSettings(teacherCache, &recipe) { return try run(cache, &recipe) }
    let teacherSettings = try TeacherSettings(teachers, &recipe)
    let start = try TrainingStart("student", student, options, &recipe)
    let preset = try recipe.value("preset", objective.preset)
    let objective = try objective.objective(&recipe, preset: preset)
    let hiddenStates = try hiddenStates.terms(&recipe, preset: preset)
    let settings = try TrainingSettings(options, &recipe)
    let onPolicy = try OnPolicySettings(
      onPolicy, promptField: settings.keys.prompt, sequenceLength: settings.recipe.sequenceLength, &recipe)
    try settings.requireText(unless: onPolicy?.needsNoText ?? false)
    try recipe.finish()
    let session = try TrainingSession("distill", settings, recipe: recipe.yaml)

    let teachers = try teacherSettings.load(on: session.device)
    let tokenizer = teachers.models[0].tokenizer
    let source = try ModelSource(path: start.model)
    let student = try source.model(
      for: tokenizer, seed: settings.recipe.seed, precision: settings.precision, on: session.device)
    let sampled = try onPolicy?.steps(
      for: student.trainableDecoder, tokenizer,
      teacherContextLength: teachers.models.map(\.decoder.configuration.contextLength).min() ?? 0)
    let distiller = try Distiller(
      .live(teachers.mixture, hiddenStates: hiddenStates.value, onPolicy: sampled?.value),
      student: .init(student.trainableDecoder, source.tokenizer ?? tokenizer), objective.value,
      seed: settings.recipe.seed)
    var inputs = teachers.inputs.merging(sampled?.inputs ?? [:]) { $1 }
    (inputs["student"], inputs["objective"]) = (student.digest, objective.description)
    inputs["hidden states"] = hiddenStates.description
    let terms = [objective.description, hiddenStates.description, inputs["on-policy"].map { "on-policy \($0)" }]
    try session.run(
      distiller, tokenizer,
      subject: [
        "student: \(student.size)", "teacher: \(teachers.description)",
        "objective: \(terms.compactMap(\.self).joined(separator: "; "))",
      ], inputs: inputs, continuing: start.continuation)
  }
}

extension Distiller: SessionTask {
  /// What is trained.
  var model: TransformerDecoder { student }
}
