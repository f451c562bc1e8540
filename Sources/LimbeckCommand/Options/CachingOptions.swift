import ArgumentParser
import Distillation
import Foundation
import LanguageModels
import Limbeck
import ModelTraining

/// A cache that a run makes in its first epoch and learns from in the others.
struct CachingOptions: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      """
      Run the teacher in the first epoch alone: cache what it says of the text, and learn from the cache in all other \
      epochs.
      """))
  var cacheWhileDistilling = false
  @Option(
    help: ArgumentHelp(
      "Where that cache is made, for other students, too (default: teacher-cache in --output).", valueName: "dir"))
  var cacheOutput: String?
  @Option(help: ArgumentHelp("What it stores, as in 'limbeck cache-teacher' (default: sampled).", valueName: "name"))
  var cacheMethod: CacheTeacher.Method?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Most bytes: hidden states if they fit, else draws.", valueName: "4GB"))
  var cacheMaxSize: ByteCount?
}

/// `CachingOptions`, settled.
struct CachingSettings {
  /// Where the text is cut, for only then an epoch has the sequences of the one before.
  static let cuts = SequencePacking.Cuts.fixed
  private let path: String?
  private let method: CacheTeacher.Method?
  private let maximumSize: ByteCount?

  /// nil where no cache is made. Throws where flags go without the one that asks for it.
  init?(_ options: CachingOptions, _ recipe: inout RecipeFile) throws(RecipeError) {
    let isWanted = try recipe.value("cache-while-distilling", options.cacheWhileDistilling ? true : nil) ?? false
    path = try recipe.path("cache-output", options.cacheOutput, mayBeName: true)
    method = try recipe.value("cache-method", options.cacheMethod)
    maximumSize = try recipe.value("cache-max-size", options.cacheMaxSize)
    guard isWanted else {
      let misplaced = [
        ("cache-output", path), ("cache-method", method?.rawValue),
        ("cache-max-size", maximumSize?.defaultValueDescription),
      ]
      for case (let key, let found?) in misplaced {
        throw recipe.invalid(key, expected: "nothing without --cache-while-distilling", found: found)
      }
      return nil
    }
    if let maximumSize, let method {
      throw recipe.invalid(
        "cache-max-size", expected: "nothing with --cache-method \(method.rawValue)",
        found: maximumSize.defaultValueDescription)
    }
  }

  /// Throws where the run does not learn from one teacher, and from the text alone, cut at fixed places.
  func requireFit(
    _ settings: TrainingSettings, _ teachers: TeacherSettings, onPolicy: OnPolicySettings?, _ recipe: RecipeFile
  ) throws(RecipeError) {
    func refuse(_ expected: String, _ found: String, _ advice: String) -> RecipeError {
      recipe.invalid("cache-while-distilling", expected: expected, found: found, advice: advice)
    }
    if teachers.routes != nil {
      throw refuse(
        "a teacher of all of the text", "a pattern of files behind the teacher",
        "leave out the pattern, or make a cache of each with limbeck cache-teacher")
    }
    if !teachers.isOne {
      throw refuse("one teacher", "several", "make a cache of each with limbeck cache-teacher, or leave it out")
    }
    try requirePlace(settings, recipe)
    if onPolicy != nil {
      throw refuse("nothing with --on-policy", "both", "what a student samples comes once only; leave one of them out")
    }
    if let cuts = settings.packing.cuts, cuts != Self.cuts {
      throw recipe.invalid(
        "packing", expected: "\(Self.cuts) with --cache-while-distilling", found: cuts.rawValue,
        advice: "leave it out: an epoch must have the sequences of the one before")
    }
  }

  /// The name of a cache without a place of its own, in the folder of its run.
  private static let usualName = "teacher-cache"

  /// Throws where the cache would stand in the place of the run, around it, or among its files.
  private func requirePlace(_ settings: TrainingSettings, _ recipe: RecipeFile) throws(RecipeError) {
    guard let path else { return }
    func parts(_ path: String) -> [String] {
      URL(fileURLWithPath: path, isDirectory: true).standardizedFileURL.resolvingSymlinksInPath().pathComponents
    }
    let (cache, run) = (parts(path), parts(settings.outputPath))
    let isUsual = cache == run + [Self.usualName]
    guard run.starts(with: cache) || cache.starts(with: run) && !isUsual && !settings.resumes else { return }
    throw recipe.invalid(
      "cache-output", expected: "a folder of its own, beside --output \(settings.outputPath)", found: path,
      advice: "leave it out for \(settings.outputPath)/\(Self.usualName)")
  }

  /// What the making of the cache takes beside the run, of a text of so many tokens.
  func memory(
    _ settings: TrainingSettings, for teacher: DecoderConfiguration, textTokens: Int
  ) -> MemoryPlan.Part {
    let plan = plan(settings, channels: teacher.hiddenSize, digest: "")
    return .init(
      "a file of the cache, while it is made",
      bytes: plan.bytesAtOnce(forTokens: textTokens, vocabularySize: teacher.vocabularySize))
  }

  /// What to make of a teacher. A cache without a place of its own is made in the folder of the run.
  func plan(_ settings: TrainingSettings, for teacher: LanguageModel) -> TeacherCachePlan {
    plan(settings, channels: teacher.configuration.hiddenSize, digest: teacher.digest)
  }

  private func plan(_ settings: TrainingSettings, channels: Int, digest: String) -> TeacherCachePlan {
    let standard = CacheTeacher.Method.standard
    let methods = maximumSize == nil ? [method ?? standard] : [.hidden, standard]
    return TeacherCachePlan(
      at: path.map { URL(fileURLWithPath: $0, isDirectory: true) }
        ?? settings.output.appendingPathComponent(Self.usualName, isDirectory: true),
      methods: methods.map { $0.method(channels: channels) }, maximumBytes: (maximumSize?.bytes).map(Double.init),
      seed: settings.recipe.seed, teacherDigest: digest, resumes: settings.resumes)
  }

  /// What a resumed run must share.
  func inputs(_ plan: TeacherCachePlan) -> [String: String] {
    let methods = plan.methods.map(\.description).joined(separator: " or ")
    return [
      "cache_while_distilling": methods + (maximumSize.map { ", at most \($0.defaultValueDescription)" } ?? "")
    ]
  }
}

extension Distiller {
  func prepare(
    _ recipe: TrainingRecipe, over text: PackedSequences, continuing continuation: RunContinuation?
  ) throws -> String? {
    try plannedCache(recipe, over: text, continuing: continuation).map { cache in
      "cache: \(cache.method), at most \(Format.bytes(Int(cache.bytes))), twice that until the first epoch ends; "
        + "the teacher runs in that epoch alone"
    }
  }
}
