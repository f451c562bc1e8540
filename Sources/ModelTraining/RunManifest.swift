import DurableFiles
public import Foundation

/// `run.json`: what a run was made from and, once it is finished, how it went.
public struct RunManifest: Codable, Sendable, Equatable {
  /// The version of the program that began it.
  public var version: String
  /// When it was begun.
  public var created: Date
  /// The current folder when it was begun, from which the relative paths of its recipe are seen; nil if unknown.
  public var workingFolder: String?
  /// What the run depends on besides its recipe and its texts: names such as `tokenizer`, `teacher` or `objective`,
  /// with a digest or a description of each. A run is only continued with the same.
  public var inputs: [String: String]
  /// Numbers of weights by name, such as `total` and `non_embedding`.
  public var parameters: [String: Int]
  /// How it went; nil until the run is finished.
  public var result: RunResult?

  /// A manifest of a run that begins.
  public init(
    version: String, created: Date = Date(), workingFolder: String? = nil, inputs: [String: String],
    parameters: [String: Int]
  ) {
    self.version = version
    self.created = created
    self.workingFolder = workingFolder
    self.inputs = inputs
    self.parameters = parameters
  }

  /// The manifest of the run in `folder`, finished or not; nil if the folder is none of a run. Throws `damagedRun`
  /// where it cannot be understood, and what the disk refuses.
  public init?(ofRun folder: URL) throws(TrainingError) {
    let file = Self.file(in: folder)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    self = try RunJSON.read(RunManifest.self, from: file)
  }

  /// Where the manifest of a run is.
  static func file(in folder: URL) -> URL { folder.appendingPathComponent("run.json") }
}

/// How a finished run went.
public struct RunResult: Codable, Sendable, Equatable {
  /// When it was finished.
  public var finished: Date
  /// Optimiser steps.
  public var steps: Int
  /// Input tokens of all steps.
  public var tokensSeen: Int
  /// Seconds spent in training, evaluation and checkpoints, over all resumptions.
  public var seconds: Double
  /// The most memory that the process that finished the run ever held, in bytes; nil where the system does not tell.
  public var peakMemoryBytes: Int?
  /// The last evaluation, if there was one.
  public var lastValidation: ValidationResult?
  /// The evaluation with the lowest loss, if there was one.
  public var bestValidation: ValidationResult?
}

/// JSON as run folders hold it.
enum RunJSON {
  /// With line breaks, sorted keys, and times as in `2026-01-31T12:00:00Z`; ends in a line break.
  static func data(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.dateEncodingStrategy = .iso8601
    return try encoder.encode(value) + Data("\n".utf8)
  }

  /// The value in `file`. Throws `damagedRun` where it cannot be understood, and what the disk refuses.
  static func read<Value: Decodable>(_ type: Value.Type, from file: URL) throws(TrainingError) -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.dateDecodingStrategy = .iso8601
    let data: Data
    do { data = try Data(contentsOf: file) } catch {
      throw .file(.unreadable(file: file.path, reason: error.localizedDescription))
    }
    do { return try decoder.decode(type, from: data) } catch {
      throw .damagedRun(file: file.path, reason: "cannot be read as \(type): \(error)")
    }
  }
}
