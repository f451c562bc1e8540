import ArgumentParser
import Distillation
import Foundation
import LanguageModels
import Limbeck
import ModelTraining
import TensorCore
import Tokenization

/// Whom a student learns from: one teacher or several.
struct TeacherOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Teacher's model folder, or .gguf file; several times for a mixture of teachers, or each as model:pattern for "
        + "the files that it teaches.", valueName: "model"))
  var teacher: [String] = []
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Each teacher's weight in the mixture: 2,1 (default: all the same).", valueName: "w,w"))
  var teacherWeights: String?
  @Option(
    help: ArgumentHelp(
      "Precision of the teachers' matrix products (default: float32); bf16 is faster with AVX512_BF16.",
      valueName: "type"))
  var teacherPrecision: ProductPrecision?
}

/// Whom a student learns from, settled.
struct TeacherSettings {
  /// Each once, whatever parts of the text it teaches.
  private let teachers: [(path: String, weight: Float)]
  /// The path of a tokenizer, for teachers without one that can be read.
  let tokenizer: String?
  private let precision: ProductPrecision
  /// By which patterns the files of the text are told apart; nil where all are taught alike.
  let routes: TextRoutes?
  /// Which of the teachers the student learns from.
  let choice: TeacherChoice

  init(
    _ options: TeacherOptions, onePerStep: Bool, tokenizer: String?, _ recipe: inout RecipeFile
  ) throws(RecipeError) {
    let named = try recipe.requiredPaths("teacher", options.teacher, mayHavePattern: true).map { RoutedPath($0) }
    let text = try recipe.value("teacher-weights", options.teacherWeights)
    let onePerStep = try recipe.value("one-teacher-per-step", onePerStep ? true : nil) ?? false
    let patterns = try Self.patterns(of: named, recipe)
    if let text, patterns != nil {
      throw recipe.invalid("teacher-weights", expected: "nothing with patterns of --teacher", found: text)
    }
    if onePerStep, patterns != nil || named.count == 1 {
      throw recipe.invalid(
        "one-teacher-per-step", expected: "several teachers without patterns",
        found: patterns == nil ? "one" : "patterns")
    }
    let weights =
      text?.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) ?? .nan } ?? named.map { _ in 1 }
    guard weights.count == named.count, weights.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw recipe.invalid(
        "teacher-weights", expected: "a number above 0 for each teacher, with commas between, \(named.count) in all",
        found: text ?? "")
    }
    guard weights.reduce(0, +).isFinite else {
      throw recipe.invalid(
        "teacher-weights", expected: "numbers whose sum is below \(Float.greatestFiniteMagnitude)", found: text ?? "")
    }
    if patterns != nil {
      var paths: [String] = []
      for teacher in named where !paths.contains(teacher.path) { paths.append(teacher.path) }
      teachers = paths.map { ($0, 1) }
      choice = .byPart(teachers: named.map { teacher in paths.firstIndex(of: teacher.path) ?? 0 })
    } else {
      teachers = zip(named, weights).map { ($0.path, $1) }
      choice = onePerStep ? .onePerStep : .mixture
    }
    routes = patterns.map { TextRoutes($0) }
    self.tokenizer = try recipe.path("tokenizer", tokenizer)
    precision = try recipe.value("teacher-precision", options.teacherPrecision, default: .float32)
  }

  /// Whether there is one teacher, of all of the text.
  var isOne: Bool { teachers.count == 1 && routes == nil }

  /// The patterns of all teachers; nil where none has one.
  private static func patterns(of teachers: [RoutedPath], _ recipe: RecipeFile) throws(RecipeError) -> [String]? {
    for teacher in teachers where teacher.pattern == nil && teacher.path.contains(":") {
      guard FileManager.default.fileExists(atPath: teacher.path) else {
        throw recipe.invalid(
          "teacher", expected: "a model, or a model and a pattern of files with a colon between",
          found: "\(teacher.path), in front of whose colons there is none")
      }
    }
    let patterns = teachers.compactMap(\.pattern)
    guard !patterns.isEmpty else { return nil }
    if patterns.contains("") {
      throw recipe.invalid("teacher", expected: "a pattern of files behind the colon", found: "nothing")
    }
    if let other = teachers.first(where: { $0.pattern == nil }) {
      throw recipe.invalid(
        "teacher", expected: "a pattern of files for every teacher, or for none", found: "\(other.path) without one",
        advice: "'\(other.path):*' as the last teacher takes all files that are left")
    }
    return patterns
  }

  /// Throws where a text has no files that go to a teacher, or their parts would depend on all of them.
  func requireFit(_ settings: TrainingSettings, _ recipe: RecipeFile) throws(RecipeError) {
    guard routes != nil else { return }
    if settings.text.isEmpty { throw .missing(keys: ["text"]) }
    if let share = settings.validationShare {
      throw recipe.invalid(
        "validation-share", expected: "nothing with patterns of --teacher", found: "\(share)",
        advice: "give --validation-text")
    }
  }

  /// Where the teachers are.
  var paths: [String] { teachers.map(\.path) }

  /// The teachers in memory; the one that has fewer tokens, if there is one, as soon as it is written.
  func load(on device: Device, reduced: ReducedTeacher? = nil) throws -> LoadedTeachers {
    let isWritten = reduced?.isWritten ?? false
    let paths = isWritten ? [reduced?.path].compactMap(\.self) : paths
    let models = try paths.map {
      try LanguageModel(path: $0, tokenizer: tokenizer, precision: precision, on: device)
    }
    for (model, path) in zip(models, paths).dropFirst() {
      try model.requireVocabulary(of: models[0], from: paths[0], path: path)
    }
    return LoadedTeachers(
      models: models, paths: paths, weights: teachers.map(\.weight), precision: precision, choice: choice,
      routes: routes, planned: try isWritten ? nil : reduced.map { try .init($0, of: models[0]) })
  }
}

/// Teachers in memory; there is at least one.
struct LoadedTeachers {
  let models: [LanguageModel]
  /// Where each of them is.
  let paths: [String]
  let weights: [Float]
  let precision: ProductPrecision
  let choice: TeacherChoice
  let routes: TextRoutes?
  /// The only one as it will be, where it is still to be written with fewer tokens: until then nothing is computed.
  let planned: PlannedTeacher?

  /// What makes the ids of all of them.
  var tokenizer: any Tokenizer { planned?.tokenizer ?? models[0].tokenizer }
  /// That of the first one.
  var configuration: DecoderConfiguration { planned?.configuration ?? models[0].configuration }

  /// What a resumed run must share. Reads the weights.
  var inputs: [String: String] {
    var inputs = [
      "teacher": models.map(\.digest).joined(separator: " "), "teacher_precision": precision.rawValue,
    ]
    if models.count > 1, routes == nil {
      inputs["teacher_weights"] = weights.map { "\($0)" }.joined(separator: " ")
    }
    switch choice {
    case .mixture: break
    case .onePerStep: inputs["teacher_choice"] = "one per step"
    case .byPart(let teachers): inputs["teacher_choice"] = teachers.map { "\($0)" }.joined(separator: " ")
    }
    return inputs.merging(routes?.inputs ?? [:]) { $1 }
  }

  /// Which they are, and how large, for the header of a run.
  var description: String {
    zip(paths, models).map { "\($0), \(Format.count($1.decoder.parameters.count, "parameter"))" }.joined(
      separator: "; ") + (choice == .onePerStep ? "; one of them at each step" : "")
  }

  /// As `Distiller` takes them.
  var mixture: [Distiller.Teacher] { zip(models, weights).map { .init($0.decoder, $0.tokenizer, weight: $1) } }

  /// The same on a device that counts.
  func mixture(countedOn device: Device) -> [Distiller.Teacher] {
    let vocabularySize = planned?.configuration.vocabularySize
    return mixture.map {
      .init(
        $0.decoder.frozen().counted(on: device, vocabularySize: vocabularySize), planned?.tokenizer ?? $0.tokenizer,
        weight: $0.weight)
    }
  }

  /// Their weights, as the plan of a run names them.
  var files: [MemoryPlan.Part] {
    let name = models.count == 1 ? "file of the teacher" : "files of the teachers"
    let bytes = models.reduce(0) { $0 + $1.weightBytes } - (planned?.droppedBytes ?? 0)
    return [.init(name, bytes: bytes, isMapped: true)]
  }
}

/// A teacher as it will be with fewer tokens.
struct PlannedTeacher {
  let tokenizer: any Tokenizer
  let configuration: DecoderConfiguration
  /// The bytes of the rows that it loses.
  let droppedBytes: Int

  /// Of a teacher in memory. Throws where a token that the model needs would be lost.
  init(_ reduced: ReducedTeacher, of whole: LanguageModel) throws {
    tokenizer = reduced.tokenizer
    let configuration = try reduced.configuration
    self.configuration = configuration
    droppedBytes = whole.decoder.weights.filter(\.role.isOfVocabulary).reduce(0) { sum, weight in
      let (bytes, rows) = (weight.parameter.matrix.byteCount, weight.parameter.matrix.shape[0])
      return sum + bytes / rows * (rows - configuration.vocabularySize)
    }
  }
}
