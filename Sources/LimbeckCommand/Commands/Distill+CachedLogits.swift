import ArgumentParser
import Distillation
import LanguageModels
import ModelTraining
import TensorCore
import Tokenization

extension Distill {
  /// Distils from a cache, with no teacher in memory.
  func run(_ cached: CachedLogits, _ recipe: inout Recipe) throws {
    let teacherPaths = try recipe.list("teacher", teachers.teacher)
    let studentPath = try recipe.required("student", student)
    let preset = try recipe.value("preset", objective.preset)
    let objective = try objective.schedule(
      &recipe, preset: preset, standardTemperature: .constant(cached.temperature))
    let hiddenStates = try hiddenStates.terms(&recipe, preset: preset)
    let settings = try TrainingSettings(options, &recipe)
    let onPolicy = try OnPolicySettings(onPolicy, sequenceLength: settings.recipe.sequenceLength, &recipe)
    let ofLiveTeachers = [
      ("align-layers", hiddenStates.description), ("on-policy", onPolicy.map { "\($0.probability)" }),
      ("teacher-weights", try recipe.value("teacher-weights", teachers.teacherWeights)),
      ("teacher-precision", try recipe.value("teacher-precision", teachers.teacherPrecision)?.rawValue),
    ]
    for case (let key, let found?) in ofLiveTeachers {
      throw recipe.invalid(key, expected: "nothing with --cached-logits", found: found)
    }
    try recipe.finish()
    let session = try TrainingSession("distill", settings, recipe: recipe.yaml)

    let source = try ModelSource(path: studentPath)
    let tokenizer = try source.tokenizer(
      orAt: cached.tokenizer ?? (source.tokenizer == nil ? teacherPaths.first : nil))
    let (teacher, inputs) = try cached.open(objective.value, settings, teachers: teacherPaths)
    try teacher.requireFit(
      vocabularySize: source.vocabularySize, tokenizerDigest: tokenizer.digest.hexadecimal,
      sequenceLength: settings.recipe.sequenceLength)
    let student = try source.decoder(
      for: tokenizer, seed: settings.recipe.seed, precision: settings.precision, on: session.device)
    try session.run(
      student, tokenizer, objective: teacher,
      inputs: inputs.merging(["student": source.digest, "objective": objective.description]) { $1 }
    ) { try teacher.requireTexts(training: $0, validation: $1) }
  }
}
