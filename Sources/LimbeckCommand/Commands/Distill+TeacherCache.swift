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
    if cache.keepsStates, teacherPaths.count != 1 { throw TeacherCacheError.needsHead(cache: sequences.path) }
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
    // a run that goes on with one from a teacher in memory has the teacher's
    let precision = try recipe.value("teacher-precision", teachers.teacherPrecision)?.rawValue
    // what is compared of the hidden states of a cache is checked where the student is known
    let compared = cache.keepsStates ? nil : hiddenStates.description
    let ofLiveTeachers = [
      ("validation-share", settings.validationShare.map { "\($0)" }), ("align-layers", compared),
      ("on-policy", onPolicy.map { "\($0.probability)" }),
      ("teacher-weights", try recipe.value("teacher-weights", teachers.teacherWeights)),
      (
        "one-teacher-per-step",
        try recipe.value("one-teacher-per-step", teacherSteps.oneTeacherPerStep ? true : nil).map { "\($0)" }
      ),
      ("teacher-precision", precision == sequences.cache.description.teacherPrecision ? nil : precision),
      ("reduce-vocabulary", try recipe.paths("reduce-vocabulary", vocabulary.reduceVocabulary).first),
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
      of: configuration, tokenizer, files: try cache.files(settings.recipe, teacher: teacherPaths.first) + source.files,
      adapting: source.counted(adapters, settings.precision))
    if isPlanned { return }
    var (signal, inputs) = try cache.open(
      settings, teachers: teacherPaths, hiddenStates.value, on: session.device)
    inputs["hidden_states"] = hiddenStates.description
    let student = try source.model(
      for: tokenizer, outputs: cache.outputs, adapting: adapters, seed: settings.recipe.seed,
      precision: settings.precision, on: session.device)
    let ownText = try sequences.ownText(tokenizer)
    let distiller = try Distiller(
      signal, student: .init(student.trainableDecoder, tokenizer), objective.value, seed: settings.recipe.seed)
    let subject = [
      "student: \(student.size)", student.adapterLine, settings.weightsLine(of: student.configuration),
      "teacher: the cache \(sequences.path)" + (cache.keepsStates ? " and the head of \(teacherPaths[0])" : ""),
      "objective: \([objective.description, hiddenStates.description].compactMap(\.self).joined(separator: "; "))",
    ]
    try blamingWeights(of: [student]) {
      try session.run(
        distiller, tokenizer, cachePacking: sequences.packing, ownText: ownText, subject: subject.compactMap(\.self),
        inputs: inputs.merging(["student": student.digest, "objective": objective.description]) { $1 }
          .merging(student.adapterInputs) { $1 }, from: start)
    }
  }
}
