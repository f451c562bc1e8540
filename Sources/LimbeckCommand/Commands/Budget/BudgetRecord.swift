import Diagnostics
import Distillation
import DurableFiles
import Foundation
import TensorCore

/// Where a student starts.
enum BudgetStart: Codable, Equatable {
  /// Cut out of the teacher: which layers stay, and how many channels and neurons, nil for all.
  case cut(layers: [Int], hiddenSize: Int?, feedForwardSize: Int?)
  /// With random weights, at a size as `limbeck distill --student` reads it.
  case fresh(size: String)
}

/// What was measured before the first run of a budget, as its folder keeps it: all choices follow from it and from how
/// the runs went, so that a call that goes on makes the same ones.
struct BudgetRecord: Codable, Equatable {
  let measurements: BudgetMeasurements
  /// Where the candidates start, in their order.
  let starts: [BudgetStart]
  /// The model that teaches: the user's, or one with fewer tokens.
  let teacher: String
  /// The tokens that it and the student have, and that the user's teacher has.
  let vocabulary, wholeVocabulary: Int
  /// Why there are not fewer, where they cannot be.
  let vocabularyRemark: String?
  /// Of all products, as `--precision` names it.
  let precision: String
  /// Layers of the teacher.
  let teacherLayers: Int
  /// By how many nats the teacher predicts the text better behind BOS; nil without a BOS.
  let beginningGain: Double?
  /// The teacher's cross-entropy on the windows of every evaluation.
  let teacherNats: Double

  /// A model to which BOS is the beginning of a document predicts the middle of one worse behind it.
  var leavesOutBOS: Bool { (beginningGain ?? 0) < -0.01 }

  private static func file(_ settings: BudgetSettings) -> URL { URL(fileURLWithPath: settings.path("measured.json")) }

  /// What a folder has of it; nil where nothing was measured. Throws where it was of another budget, and where the
  /// file is damaged.
  init?(of settings: BudgetSettings) throws {
    let file = Self.file(settings)
    guard somethingExists(at: file.path) else { return nil }
    let record: Self
    do { record = try Self(contentsOf: file) } catch let error as FileError { throw error } catch {
      throw InvalidValue(
        file.relativePath, "contents", expected: "what was measured for --budget", found: "\(Self.reason(error))",
        advice: "remove it to measure again, or choose another --output")
    }
    guard record.measurements.budget == settings.budget.seconds else {
      throw CommandError.outputExists(
        path: settings.output,
        advice: "it is of a budget of \(Format.fixed(record.measurements.budget, 0)) seconds; choose another --output")
    }
    self = record
  }

  /// Reads one that can be true.
  private init(contentsOf file: URL) throws {
    let data: Data
    do { data = try Data(contentsOf: file) } catch {
      throw FileError.unreadable(file: file.relativePath, reason: error.localizedDescription)
    }
    self = try JSONDecoder().decode(Self.self, from: data)
    try measurements.validate()
    guard starts.count == measurements.candidates.count else {
      throw InvalidValue("starts", expected: "\(measurements.candidates.count)", found: "\(starts.count)")
    }
    guard ProductPrecision(rawValue: precision) != nil else {
      throw InvalidValue("precision", expected: "float32 or bf16", found: precision)
    }
    guard teacherNats.isFinite, (beginningGain ?? 0).isFinite else {
      throw InvalidValue("teacherNats", expected: "a finite number", found: "\(teacherNats)")
    }
  }

  /// What is wrong with a file, in a few words.
  private static func reason(_ error: any Error) -> String {
    switch error {
    case let value as InvalidValue: "\(value.key) \(value.found), not \(value.expected)"
    case DecodingError.keyNotFound(let key, _): "no \(key.stringValue)"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "another kind of value as \(context.codingPath.map(\.stringValue).joined(separator: "."))"
    default: "no such JSON"
    }
  }

  init(
    measurements: BudgetMeasurements, starts: [BudgetStart], teacher: String, vocabulary: Int, wholeVocabulary: Int,
    vocabularyRemark: String?, precision: String, teacherLayers: Int, beginningGain: Double?, teacherNats: Double
  ) {
    (self.measurements, self.starts, self.teacher) = (measurements, starts, teacher)
    (self.vocabulary, self.wholeVocabulary) = (vocabulary, wholeVocabulary)
    (self.vocabularyRemark, self.precision) = (vocabularyRemark, precision)
    (self.teacherLayers, self.beginningGain, self.teacherNats) = (teacherLayers, beginningGain, teacherNats)
  }

  func write(_ settings: BudgetSettings) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(encoder.encode(self), to: Self.file(settings))
  }
}
