import DistillationReport
import Foundation
import ModelEvaluation
import ModelTraining
import Tokenization

/// A run that a report is about.
struct ReportedRun {
  /// As the user named it.
  let path: String
  let record: RunRecord
  let settings: [ReportedModel.Setting]
  /// What its recipe gives as teacher, text and validation text, as paths.
  let teachers, text, validationText: [String]
  /// What the keys of its rows are called.
  let keys: JSONLinesKeys
  /// How much of its text was held out, and the seed that drew it; nil where it was validated on a text of its own, or
  /// not at all.
  let heldOutShare: (share: Double, seed: UInt64)?

  /// Whether it was measured on a text on the way.
  var isValidated: Bool { !validationText.isEmpty || heldOutShare != nil }

  /// Whether it learnt from a teacher.
  var isDistilled: Bool { record.manifest.inputs["command"].map { $0 == "distill" } ?? !teachers.isEmpty }
  var recipeFile: String { record.folder.appendingPathComponent("recipe.yaml").path }

  /// The run that made the model in a folder; nil where the folder is none of a run, or has lost its recipe.
  init?(ofModel path: String) throws {
    let folder = URL(fileURLWithPath: path, isDirectory: true)
    guard try RunManifest(ofRun: folder) != nil,
      FileManager.default.fileExists(atPath: folder.appendingPathComponent("recipe.yaml").path)
    else { return nil }
    try self.init(path: path)
  }

  init(path: String) throws {
    let folder = URL(fileURLWithPath: path, isDirectory: true)
    guard let record = try RunRecord(ofRun: folder) else { throw CommandError.notARun(folder: path) }
    self.path = path
    self.record = record
    let recipeFile = folder.appendingPathComponent("recipe.yaml").path
    let recipe = try RecipeFile(contentsOf: recipeFile).texts
    let places = RunPlaces(ofRecipe: recipeFile)
    // Where the run lies now is known better than its recipe does.
    settings = recipe.filter { $0.key != "output" }.map { .init(key: $0.key, value: $0.values.joined(separator: ", ")) }
    func paths(_ key: String) -> [String] {
      (recipe.first { $0.key == key }?.values ?? []).map { places.resolved($0)?.path ?? $0 }
    }
    func value(_ key: String) -> String? { recipe.first { $0.key == key }?.values.first }
    let named = (recipe.first { $0.key == "teacher" }?.values ?? []).map {
      RoutedPath(places.resolvedWithPattern($0)?.path ?? $0).path
    }
    if recipe.contains(where: { $0.key == "reduce-vocabulary" }) {
      teachers = named.map { ReducedTeacher.path(of: $0, besideRun: path) }
    } else {
      // one may teach several parts of the text
      teachers = named.enumerated().filter { named.firstIndex(of: $1) == $0 }.map(\.element)
    }
    text = paths("text")
    validationText = paths("validation-text")
    keys = JSONLinesKeys(
      text: value("text-field"), prompt: value("prompt-field"), completion: value("completion-field"))
    heldOutShare = value("validation-share").flatMap(Double.init).flatMap { share in
      share > 0 && share <= 0.5 ? (share, value("seed").flatMap { UInt64($0) } ?? 0) : nil
    }
  }
}

/// Which folders a report is about, and what each is to the others.
struct ReportSources {
  /// The teacher's folder, and whether the user named it rather than the recipes.
  let teacher: (path: String, isGiven: Bool)?
  /// The run that made the teacher, where it is one.
  let teacherRun: ReportedRun?
  /// Nil without a control.
  let control: ReportedRun?
  /// Students, and runs that learnt from text alone but are not the control, in the user's order.
  let others: [ReportedRun]

  /// - Parameters:
  ///   - paths: the runs, each once.
  ///   - teacher: the teacher's folder, if the user names one.
  ///   - control: the control's folder, if the user names one.
  /// - Throws: what is wrong with the folders: `notARun`, `notAControl`, `recordedPathMissing`, `recordsDiffer`, and
  ///   what is wrong with their files.
  init(runs paths: [String], teacher: String?, control: String?) throws {
    var seen: Set<String> = []
    let runs = try paths.filter { seen.insert($0.resolvedPath).inserted }.map { try ReportedRun(path: $0) }
    let named = try teacher.map { ($0, true) } ?? Self.recordedTeacher(of: runs).map { ($0, false) }
    self.teacher = named
    let teacherPath = named?.0.resolvedPath
    teacherRun = try named.flatMap { path, _ in
      try runs.first { $0.path.resolvedPath == teacherPath } ?? ReportedRun(ofModel: path)
    }
    let rest = runs.filter { $0.path.resolvedPath != teacherPath }
    if let control {
      let run = try ReportedRun(path: control)
      guard !run.isDistilled else { throw CommandError.notAControl(folder: control) }
      self.control = run
    } else {
      let alone = rest.filter { !$0.isDistilled }
      self.control = named != nil && alone.count == 1 && rest.count > 1 ? alone[0] : nil
    }
    let controlPath = self.control?.path.resolvedPath
    others = rest.filter { $0.path.resolvedPath != controlPath }
  }

  /// The one teacher that the recipes name; nil if they name none.
  private static func recordedTeacher(of runs: [ReportedRun]) throws(CommandError) -> String? {
    let students = runs.filter { !$0.teachers.isEmpty }
    guard let first = students.first else { return nil }
    for student in students where student.teachers.map(\.resolvedPath) != first.teachers.map(\.resolvedPath) {
      throw .recordsDiffer(first: first.recipeFile, second: student.recipeFile, key: "teacher", flag: "--teacher")
    }
    guard first.teachers.count == 1 else { throw .severalTeachers(recipe: first.recipeFile, paths: first.teachers) }
    guard FileManager.default.fileExists(atPath: first.teachers[0]) else {
      throw .recordedPathMissing(recipe: first.recipeFile, key: "teacher", path: first.teachers[0], flag: "--teacher")
    }
    return first.teachers[0]
  }
}

extension String {
  /// What tells whether two paths are one.
  fileprivate var resolvedPath: String { URL(fileURLWithPath: self).standardizedFileURL.resolvingSymlinksInPath().path }
}
