import Diagnostics
import DurableFiles
public import Foundation
import LanguageModels
import ModelTraining

/// A cache that a run makes while its student learns. In the first epoch the teacher is computed, the student learns
/// its exact distributions, and what a method keeps of them is taken down; from the second on the student learns from
/// the cache. The text must be cut at fixed places.
public struct TeacherCachePlan: Sendable {
  /// Where the cache is made. It stays there, for other students.
  public let url: URL
  /// What it keeps: the first method whose cache is not larger than `maximumBytes`.
  public let methods: [TeacherCacheMethod]
  /// The most bytes; nil for any number.
  public let maximumBytes: Double?
  /// Determines what is drawn.
  public let seed: UInt64
  /// Stands for the teacher's weights.
  public let teacherDigest: String
  /// Whether a run is resumed, of whose cache a part may be there, or all.
  public let resumes: Bool

  /// A plan, as the properties say.
  public init(
    at url: URL, methods: [TeacherCacheMethod], maximumBytes: Double? = nil, seed: UInt64 = 0, teacherDigest: String,
    resumes: Bool = false
  ) {
    precondition(!methods.isEmpty, "a cache of no method")
    (self.url, self.methods, self.maximumBytes, self.seed) = (url, methods, maximumBytes, seed)
    (self.teacherDigest, self.resumes) = (teacherDigest, resumes)
  }

  /// The method for a text of so many counted tokens. Throws `value` where none fits.
  public func method(forTokens tokens: Int, vocabularySize: Int) throws(TeacherCacheError) -> TeacherCacheMethod {
    try Self.method(
      methods, within: maximumBytes, named: "cache-max-size", tokens: tokens, vocabularySize: vocabularySize)
  }

  /// The bytes that are in memory at once while a cache of so many tokens is put into files: those of one file, about.
  public func bytesAtOnce(forTokens tokens: Int, vocabularySize: Int) -> Int {
    // a text that is too long for all of them is for `method(forTokens:)` to refuse, by its exact length
    let method = (try? method(forTokens: tokens, vocabularySize: vocabularySize)) ?? methods[methods.count - 1]
    let bytes = method.bytes(
      ofTokens: min(tokens, TeacherCacheDescription.fileTokens), vocabularySize: vocabularySize)
    return Int(min(bytes, Double(TeacherCacheDescription.fileBytes)))
  }

  /// The first of several methods whose cache of so many tokens is not larger than so many bytes, which a setting
  /// limits. Throws `value`, which says how many would do, where all are larger.
  public static func method(
    _ methods: [TeacherCacheMethod], within maximumBytes: Double?, named setting: String, tokens: Int,
    vocabularySize: Int
  ) throws(TeacherCacheError) -> TeacherCacheMethod {
    precondition(!methods.isEmpty, "a cache of no method")
    let limit = maximumBytes ?? .infinity
    func bytes(_ method: TeacherCacheMethod) -> Double {
      method.bytes(ofTokens: tokens, vocabularySize: vocabularySize)
    }
    if let method = methods.first(where: { bytes($0) <= limit }) { return method }
    let smallest = methods.min { bytes($0) < bytes($1) } ?? methods[0]
    func text(_ bytes: Double, _ rule: FloatingPointRoundingRule) -> String {
      bytes < 1e7 ? "\(Int((bytes / 1e3).rounded(rule))) KB" : "\(Int((min(bytes, 1e15) / 1e6).rounded(rule))) MB"
    }
    throw .value(
      InvalidValue(
        setting, expected: "at least \(text(bytes(smallest), .up)), for \(smallest) of \(counted(tokens, "token"))",
        found: text(limit, .down),
        advice:
          "give a larger size, or leave it out and name a method: draws often take a part of the most that they may"
      ))
  }
}

extension TeacherCachePlan {
  /// Checks that a cache of a method is as good as the teacher for an objective, in every step. Throws `value`;
  /// `needsWholeDistribution`; `needsLogits`.
  func requireFit(
    _ method: TeacherCacheMethod, _ objective: ScheduledObjective, _ alignment: HiddenStateAlignment?
  ) throws(TeacherCacheError) {
    guard objective.asksTeacherAtEveryStep else {
      throw .value(
        InvalidValue(
          "cache-while-distilling", expected: "a divergence, or squares of logits, in every step",
          found: "steps without", advice: "leave it out, or make the cache beforehand: limbeck cache-teacher"))
    }
    if let alignment, alignment.needsInside || !method.keepsStates {
      throw .value(.alignment(method))
    }
    guard !method.keepsStates else { return }
    guard objective.temperature.isConstant else {
      throw .value(
        InvalidValue(
          "temperature", expected: "one temperature in all steps with a cache made with \(method.name)",
          found: "\(objective.temperature.start) to \(objective.temperature.end)",
          advice: "use --cache-method hidden, whose states are of any temperature"))
    }
    try objective.requireFit(method, ofCacheAt: url)
  }

  /// Checks that a disk has room for a cache of so many bytes, twice where sequences are gathered in a journal before
  /// they become files. Throws `value`; does nothing where the system does not say how much is free.
  public static func requireSpace(
    _ bytes: Double, gathersSequences: Bool = false, at url: URL
  ) throws(TeacherCacheError) {
    guard let free = freeBytes(at: url) else { return }
    try requireSpace(bytes, gathersSequences: gathersSequences, free: free, at: url)
  }

  static func requireSpace(
    _ bytes: Double, gathersSequences: Bool, free: Double, at url: URL
  ) throws(TeacherCacheError) {
    let needed = gathersSequences ? 2 * bytes : bytes
    guard needed > free else { return }
    func text(_ bytes: Double) -> String { "\(Int((min(bytes, 1e15) / 1e6).rounded(.up))) MB" }
    throw .value(
      InvalidValue(
        url.path, "free disk space",
        expected: text(needed) + (gathersSequences ? ", twice the cache until it is complete" : ", the cache at most"),
        found: text(free), advice: "make room, or choose another folder or method"))
  }
}

extension InvalidValue {
  /// A cache does not have what terms of hidden states compare.
  static func alignment(_ method: TeacherCacheMethod) -> InvalidValue {
    method.keepsStates
      ? InvalidValue(
        "align-layers", expected: "the teacher's last layer alone, whose states the cache has",
        found: "other layers, or relations", advice: "use the teacher without a cache")
      : InvalidValue(
        "align-layers", expected: "nothing with a cache made with \(method.name)", found: "terms of hidden states",
        advice: "a cache made with hidden has the states of the last layer")
  }
}
