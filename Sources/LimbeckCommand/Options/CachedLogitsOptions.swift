import ArgumentParser
import Distillation
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining

/// Where the teacher's predictions come from, if not from a teacher in memory.
struct CachedLogitsOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Learn from a cache that 'limbeck cache-logits' made of the same text, with no teacher in memory.",
      valueName: "file"))
  var cachedLogits: String?
  @Option(
    help: ArgumentHelp(
      "A cache of the validation text; without it only the cross-entropy is measured there.", valueName: "file"))
  var validationCachedLogits: String?
  @Option(
    help: ArgumentHelp(
      "With --cached-logits: a tokenizer.model (default: the student folder's, else the --teacher folder's).",
      valueName: "file"))
  var tokenizer: String?
}

/// The caches of a run, settled.
struct CachedLogits {
  /// The temperature they were made at.
  let temperature: Float
  let tokenizer: String?
  private let training: URL
  private let validation: URL?

  /// nil where the recipe names no cache.
  init?(_ options: CachedLogitsOptions, _ recipe: inout Recipe) throws {
    let path = try recipe.value("cached-logits", options.cachedLogits)
    let validationPath = try recipe.value("validation-cached-logits", options.validationCachedLogits)
    tokenizer = try recipe.value("tokenizer", options.tokenizer)
    guard let path else {
      for (key, value) in [("validation-cached-logits", validationPath), ("tokenizer", tokenizer)] {
        if let value { throw recipe.invalid(key, expected: "nothing without --cached-logits", found: value) }
      }
      return nil
    }
    training = URL(fileURLWithPath: path, isDirectory: true)
    validation = validationPath.map { URL(fileURLWithPath: $0, isDirectory: true) }
    temperature = try LogitCacheFolder(contentsOf: training).description.temperature
  }

  /// Opens the caches, checks all of them, and compares them with the settings and the teachers that are named.
  func open(
    _ schedule: DistillationSchedule, _ settings: TrainingSettings, teachers: [String]
  ) throws -> (objective: CachedTeacherObjective, inputs: [String: String]) {
    if validation != nil, settings.validationText.isEmpty { throw RecipeError.missing(key: "validation-text") }
    let cache = try LogitCache(contentsOf: training)
    let validationCache = try validation.map { try LogitCache(contentsOf: $0) }
    let cachedObjective = try CachedTeacherObjective(schedule, cache, validation: validationCache)
    var inputs = ["cached logits": cache.digest, "teacher": cache.description.teacher]
    inputs["validation cached logits"] = validationCache?.digest
    if !teachers.isEmpty {
      // as a run from teachers in memory names them
      let digests = try teachers.map {
        try ModelFolder(contentsOf: URL(fileURLWithPath: $0, isDirectory: true)).digest
      }
      for cache in [cache, validationCache].compactMap(\.self) {
        try cache.require("teacher digest", digests.joined(separator: " "), cache.description.teacher)
      }
    }
    return (cachedObjective, inputs)
  }
}
