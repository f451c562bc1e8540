import ArgumentParser
import Distillation
import Foundation
import Limbeck
import ModelTraining
import TensorCore

/// Whom a student learns from: one teacher or several.
struct TeacherOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Teacher's model folder, or .gguf file; several times for a mixture of teachers.", valueName: "model"))
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
  private let teachers: [(path: String, weight: Float)]
  /// The path of a tokenizer, for teachers without one that can be read.
  let tokenizer: String?
  private let precision: ProductPrecision

  init(_ options: TeacherOptions, tokenizer: String?, _ recipe: inout RecipeFile) throws(RecipeError) {
    let paths = try recipe.requiredPaths("teacher", options.teacher)
    let text = try recipe.value("teacher-weights", options.teacherWeights)
    let weights =
      text?.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) ?? .nan } ?? paths.map { _ in 1 }
    guard weights.count == paths.count, weights.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw recipe.invalid(
        "teacher-weights", expected: "a number above 0 for each teacher, with commas between, \(paths.count) in all",
        found: text ?? "")
    }
    guard weights.reduce(0, +).isFinite else {
      throw recipe.invalid(
        "teacher-weights", expected: "numbers whose sum is below \(Float.greatestFiniteMagnitude)", found: text ?? "")
    }
    teachers = zip(paths, weights).map { ($0, $1) }
    self.tokenizer = try recipe.path("tokenizer", tokenizer)
    precision = try recipe.value("teacher-precision", options.teacherPrecision, default: .float32)
  }

  /// The teachers in memory.
  func load(on device: Device) throws -> LoadedTeachers {
    let models = try teachers.map {
      try LanguageModel(path: $0.path, tokenizer: tokenizer, precision: precision, on: device)
    }
    for (model, teacher) in zip(models, teachers).dropFirst() {
      try model.requireVocabulary(of: models[0], from: teachers[0].path, path: teacher.path)
    }
    return LoadedTeachers(
      models: models, paths: teachers.map(\.path), weights: teachers.map(\.weight), precision: precision)
  }
}

/// Teachers in memory; there is at least one.
struct LoadedTeachers {
  let models: [LanguageModel]
  /// Where each of them is.
  let paths: [String]
  let weights: [Float]
  let precision: ProductPrecision

  /// What a resumed run must share. Reads the weights.
  var inputs: [String: String] {
    var inputs = [
      "teacher": models.map(\.digest).joined(separator: " "), "teacher_precision": precision.rawValue,
    ]
    if models.count > 1 { inputs["teacher_weights"] = weights.map { "\($0)" }.joined(separator: " ") }
    return inputs
  }

  /// Which they are, and how large, for the header of a run.
  var description: String {
    zip(paths, models).map { "\($0), \(Format.count($1.decoder.parameters.count, "parameter"))" }.joined(
      separator: "; ")
  }

  /// As `Distiller` takes them.
  var mixture: [Distiller.Teacher] { zip(models, weights).map { .init($0.decoder, $0.tokenizer, weight: $1) } }

  /// The same on a device that counts.
  func mixture(countedOn device: Device) -> [Distiller.Teacher] {
    mixture.map { .init($0.decoder.frozen().counted(on: device), $0.tokenizer, weight: $0.weight) }
  }

  /// Their weights, as the plan of a run names them.
  var files: [MemoryPlan.Part] {
    let name = models.count == 1 ? "file of the teacher" : "files of the teachers"
    return [.init(name, bytes: models.reduce(0) { $0 + $1.weightBytes }, isMapped: true)]
  }
}
