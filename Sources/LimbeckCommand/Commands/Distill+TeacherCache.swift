import ArgumentParser
import Distillation
import Foundation
import LanguageModels
import Limbeck
import ModelTraining
import TensorCore
import Tokenization

extension Distill {
  /// Distils from a cache, with no teacher in memory.
  func run(_ cache: TeacherCacheSettings, _ recipe: inout RecipeFile) throws {
    let sequences = cache.sequences
    let teacherPaths = try recipe.paths("teacher", teachers.teacher)
    if let routed = teacherPaths.first(where: { RoutedPath($0).pattern != nil }) {
      throw recipe.invalid(
        "teacher", expected: "no pattern of files with --teacher-cache", found: routed,
        advice: "give the path of the model alone, or nothing")
    }
    let start = try TrainingStart("student", student, options, &recipe)
    let preset = try recipe.value("preset", objective.preset)
    let objective = try teacherSteps.limit(
      objective.objective(&recipe, preset: preset, standardTemperature: .constant(cache.temperature)), &recipe)
    let hiddenStates = try hiddenStates.terms(&recipe, preset: preset)
    let adapters = try AdapterSettings(adapters, &recipe)
    var settings = try TrainingSettings(
      options, &recipe, standardSequenceLength: sequences.holdsText ? sequences.length : nil)
    try settings.train(for: studentWeights, &recipe)
    try objective.value.distilledSteps.requireFit(settings.recipe, recipe)
    let onPolicy = try OnPolicySettings(
      onPolicy, promptField: settings.keys.prompt, sequenceLength: settings.recipe.sequenceLength, &recipe)
    let ofLiveTeachers = [
      ("validation-share", settings.validationShare.map { "\($0)" }), ("align-layers", hiddenStates.description),
      ("on-policy", onPolicy.map { "\($0.probability)" }),
      ("teacher-weights", try recipe.value("teacher-weights", teachers.teacherWeights)),
      (
        "one-teacher-per-step",
        try recipe.value("one-teacher-per-step", teacherSteps.oneTeacherPerStep ? true : nil).map { "\($0)" }
      ),
      ("reduce-vocabulary", try recipe.paths("reduce-vocabulary", vocabulary.reduceVocabulary).first),
      ("teacher-precision", try recipe.value("teacher-precision", teachers.teacherPrecision)?.rawValue),
    ]
    for case (let key, let found?) in ofLiveTeachers {
      throw recipe.invalid(key, expected: "nothing with --teacher-cache", found: found)
    }
    try sequences.requireText(settings, recipe)
    try sequences.requirePacking(settings.packing, recipe)
    try recipe.finish()
    let session = try TrainingSession("distill", settings, recipe: recipe.yaml)

    let source = try ModelSource(path: start.model, contextLength: settings.recipe.sequenceLength)
    let recorded = try cache.tokenizer(orOf: teacherPaths.first)
    var tokenizer = try source.tokenizer(orAt: source.isStored ? cache.tokenizer : recorded)
    if source.isStored, let recorded {
      let teachers = try loadTokenizer(from: URL(fileURLWithPath: recorded))
      try tokenizer.requireSame(as: teachers, from: recorded, path: start.model)
      tokenizer = teachers
    }
    let configuration = try source.configuration(for: tokenizer, outputs: cache.outputs, adapting: adapters)
    let isPlanned = try session.showsPlan(
      of: configuration, tokenizer, files: try cache.files + source.files,
      adapting: source.counted(adapters, settings.precision))
    if isPlanned { return }
    let (signal, inputs) = try cache.open(settings, teachers: teacherPaths)
    let student = try source.model(
      for: tokenizer, outputs: cache.outputs, adapting: adapters, seed: settings.recipe.seed,
      precision: settings.precision, on: session.device)
    let ownText = try sequences.ownText(tokenizer)
    let distiller = try Distiller(
      signal, student: .init(student.trainableDecoder, tokenizer), objective.value, seed: settings.recipe.seed)
    let subject = [
      "student: \(student.size)", student.adapterLine, settings.weightsLine(of: student.configuration),
      "teacher: the cache \(sequences.path)", "objective: \(objective.description)",
    ]
    try blamingWeights(of: [student]) {
      try session.run(
        distiller, tokenizer, cachePacking: sequences.packing, ownText: ownText, subject: subject.compactMap(\.self),
        inputs: inputs.merging(["student": student.digest, "objective": objective.description]) { $1 }
          .merging(student.adapterInputs) { $1 }, from: start)
    }
  }
}
