import ArgumentParser
import Diagnostics
import DurableFiles
import Foundation
import ModelFiles
import TensorCore
import Tokenization

/// What the user says of a distillation that chooses everything else.
struct BudgetSettings {
  let budget: TimeBudget
  let teacher: String
  let text, validationText: [String]
  /// What is held out of the text; nil where there is another text to measure on.
  let share: Double?
  let output: String
  let seed: UInt64
  let device: DeviceOptions

  /// As a twentieth of six novels, enough to tell students apart.
  private static let standardShare = 0.05

  init(_ distill: Distill, _ budget: TimeBudget) throws {
    let options = distill.options
    var recipe = try RecipeFile(contentsOf: nil)
    try recipe.require([
      "teacher": !distill.teachers.teacher.isEmpty, "text": !options.text.isEmpty, "output": options.output != nil,
    ])
    guard distill.teachers.teacher.count == 1, RoutedPath(distill.teachers.teacher[0]).pattern == nil else {
      throw ValidationError(
        "teacher", expected: "one teacher with --budget, without a pattern",
        found: distill.teachers.teacher.joined(separator: ", "))
    }
    self.budget = budget
    teacher = distill.teachers.teacher[0]
    (text, validationText) = (options.text, options.validation.validationText)
    let share = try options.validation.share(&recipe, validationText: validationText)
    self.share = validationText.isEmpty ? share ?? Self.standardShare : nil
    output = try recipe.required("output", options.output)
    if let value = InvalidValue(ofModelFolder: output, "output") { throw ValidationError(value) }
    seed = options.seed ?? 1
    var device = DeviceOptions()
    (device.threads, device.backend) = (options.threads, options.backend)
    try device.validate()
    self.device = device
  }

  /// A path in the folder that is made.
  func path(_ name: String) -> String { "\(output)/\(name)" }

  /// What decides all that will be in the folder, but for the time.
  var claimed: Claimed {
    get throws {
      let files = try TextListing().corpus(text + validationText, Console()).sources.map { source in
        try Digest.sha256(of: MappedFile(contentsOf: URL(fileURLWithPath: source.name)))
      }
      return Claimed(
        teacher: teacher, teacherDigest: try openModel(path: teacher).digest, text: text,
        validationText: validationText,
        contents: Digest.sha256(of: Data(files.joined().utf8)), share: share, seed: seed,
        threads: device.threads, backend: device.backend?.rawValue)
    }
  }

  struct Claimed: Codable, Equatable {
    let teacher: String
    /// Stands for its weights.
    let teacherDigest: String
    let text, validationText: [String]
    /// Stands for what the texts contain.
    let contents: String
    let share: Double?
    let seed: UInt64
    let threads: Int?
    let backend: String?
  }
}
