import ArgumentParser
import Distillation
import Foundation
import LanguageModels
import Limbeck
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

/// Where the teacher's predictions come from, if not from a teacher in memory.
struct TeacherCacheOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Cache of the same text, or with a text of its own, from 'limbeck cache-teacher'; no teacher is run.",
      valueName: "cache"))
  var teacherCache: String?
  @Option(
    help: ArgumentHelp(
      "Cache of the validation text (without it, validation measures cross-entropy only).", valueName: "cache"))
  var validationTeacherCache: String?
  @Option(
    help: ArgumentHelp(
      "A tokenizer file, or a model with one, for teachers without (default: theirs; with --teacher-cache that of the "
        + "student, else of the cache).", valueName: "path"))
  var tokenizer: String?
}

/// The caches of a run, settled.
struct TeacherCacheSettings {
  /// The temperature they were made at.
  let temperature: Float
  /// V of the teacher.
  let outputs: Int
  let tokenizer: String?
  /// Whether it has hidden states, so that the teacher's head is needed.
  var keepsStates: Bool { sequences.cache.method.keepsStates }
  /// Those of the text.
  let sequences: CachedSequences
  private let validation: URL?

  /// nil where the recipe names no cache.
  init?(_ options: TeacherCacheOptions, _ recipe: inout RecipeFile) throws {
    let path = try recipe.path("teacher-cache", options.teacherCache)
    let validationPath = try recipe.path("validation-teacher-cache", options.validationTeacherCache)
    guard let path else {
      if let validationPath {
        throw recipe.invalid(
          "validation-teacher-cache", expected: "nothing without --teacher-cache", found: validationPath)
      }
      return nil
    }
    sequences = try CachedSequences(path: path)
    tokenizer = try recipe.path("tokenizer", options.tokenizer)
    validation = validationPath.map { URL(fileURLWithPath: $0, isDirectory: true) }
    temperature = sequences.cache.description.temperature
    outputs = sequences.cache.description.vocabularySize
  }

  /// Where the tokenizer is, for a student that has none: what the user says, else the cache, else the teacher's
  /// folder.
  func tokenizer(orOf teacher: String?) throws -> String? {
    if let tokenizer { return tokenizer }
    return try tokenizerFiles(in: sequences.cache.url).isEmpty ? teacher : sequences.cache.url.path
  }

  /// What is mapped, as the plan of a run names it: what is read of the caches at a time, the sequences of a
  /// micro-batch, and the file of the teacher whose head is needed.
  func files(_ recipe: TrainingRecipe, teacher: String?) throws -> [MemoryPlan.Part] {
    let teacher = keepsStates ? teacher.map { URL(fileURLWithPath: $0, isDirectory: true) } : nil
    let teacherBytes = try teacher.map { try openModel(at: ModelLocation($0).url).weightBytes } ?? 0
    let url = sequences.cache.url
    let files = try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: [.fileSizeKey])
    let bytes = files.reduce(0) { $0 + ((try? $1.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0) }
    let count = sequences.cache.description.sequenceCount
    return [
      .init("file of the teacher", bytes: teacherBytes, isMapped: true),
      .init("teacher cache", bytes: bytes / count * min(count, recipe.resolvedMicroBatchSize), isMapped: true),
    ]
  }

  /// Opens the caches, checks all of them, and compares them with the teachers that are named. Returns what a student
  /// learns from, and what a continued run must share.
  func open(
    _ settings: TrainingSettings, teachers: [String], _ hiddenStates: HiddenStateTerms, on device: Device
  ) throws -> (signal: TeacherSignal, inputs: [String: String]) {
    if validation != nil, settings.validationText.isEmpty { throw RecipeError.missing(keys: ["validation-text"]) }
    let cache = try TeacherCache(contentsOf: sequences.cache.url)
    let validationCache = try validation.map { try TeacherCache(contentsOf: $0) }
    var inputs = ["teacher_cache": cache.digest, "teacher": cache.description.teacher]
    inputs["validation_teacher_cache"] = validationCache?.digest
    if !teachers.isEmpty {
      // as a run from teachers in memory names them
      let digests = try teachers.map { try openModel(path: $0).digest }
      for cache in [cache, validationCache].compactMap(\.self) {
        try cache.require("teacher digest", digests.joined(separator: " "), cache.description.teacher)
      }
    }
    guard cache.method.keepsStates else { return (.cached(cache, validation: validationCache), inputs) }
    guard teachers.count == 1 else { throw TeacherCacheError.needsHead(cache: sequences.path) }
    // as the teacher computed the states
    let precision = ProductPrecision(rawValue: cache.description.teacherPrecision) ?? .float32
    let head = try OutputHead(openModel(path: teachers[0]), precision: precision, device: device)
    return (
      .cachedStates(cache, validation: validationCache, head: head, hiddenStates: hiddenStates), inputs
    )
  }
}
