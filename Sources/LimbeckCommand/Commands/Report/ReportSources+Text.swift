import DistillationReport
import Foundation
import Tokenization

/// The text that models are measured on.
struct HeldOutText {
  /// What messages call it: its paths.
  let name: String
  let corpus: Corpus

  private init(_ paths: [String], _ listing: TextListing) throws {
    name = paths.joined(separator: ", ")
    corpus = try listing.corpus(paths, Console())
  }

  private init(name: String, corpus: Corpus) { (self.name, self.corpus) = (name, corpus) }

  /// The text that the user names, or else the one that runs were validated on, which must be one. Its rows are read as
  /// the runs read theirs.
  /// - Parameters:
  ///   - paths: what the user names.
  ///   - keys: what the keys of rows are called, if the user says so; by default as in the first run.
  ///   - counting: what counts of rows with a prompt, if the user says so; by default prompts count if they do in one
  ///     of the runs.
  ///   - runs: those that are measured, but for their teacher's.
  ///   - teacherRun: the run that made the teacher, which is asked last.
  /// - Returns: the text; nil where the user names none, and no run was validated.
  /// - Throws: where the runs were validated on different texts, and what is wrong with the files.
  static func of(
    _ paths: [String], keys: JSONLinesKeys?, counting: CountedTokens?, runs: [ReportedRun], teacherRun: ReportedRun?
  ) throws -> HeldOutText? {
    let all = runs + [teacherRun].compactMap(\.self)
    let countsPrompts = runs.contains { $0.settings.contains(.init(key: "count", value: "prompts")) }
    let listing = TextListing(
      keys: keys ?? all.first?.keys ?? JSONLinesKeys(), counting: counting ?? (countsPrompts ? .prompts : .completions))
    if !paths.isEmpty { return try HeldOutText(paths, listing) }
    let validated = runs.contains(where: \.isValidated) ? runs : all
    let texts = try validationText(of: validated)
    if !texts.isEmpty { return try HeldOutText(texts, listing) }
    guard let first = validated.first(where: { $0.heldOutShare != nil }), let (share, seed) = first.heldOutShare else {
      return nil
    }
    for run in validated where run.heldOutShare != nil {
      if run.text != first.text || run.heldOutShare ?? (0, 0) != (share, seed) {
        throw CommandError.recordsDiffer(
          first: first.recipeFile, second: run.recipeFile, key: "validation-share", flag: "--text")
      }
    }
    for path in first.text where !FileManager.default.fileExists(atPath: path) {
      throw CommandError.recordedPathMissing(recipe: first.recipeFile, key: "text", path: path, flag: "--text")
    }
    let whole = try HeldOutText(first.text, listing)
    return HeldOutText(
      name: "held out of \(whole.name)", corpus: whole.corpus.split(validationShare: share, seed: seed).validation)
  }

  /// The paths of the one validation text of runs; none where they have none of their own.
  private static func validationText(of runs: [ReportedRun]) throws -> [String] {
    let trained = runs.filter { !$0.validationText.isEmpty }
    guard let first = trained.first else { return [] }
    if let other = trained.first(where: { $0.validationText != first.validationText }) {
      throw CommandError.recordsDiffer(
        first: first.recipeFile, second: other.recipeFile, key: "validation-text", flag: "--text")
    }
    for path in first.validationText where !FileManager.default.fileExists(atPath: path) {
      throw CommandError.recordedPathMissing(
        recipe: first.recipeFile, key: "validation-text", path: path, flag: "--text")
    }
    return first.validationText
  }
}

extension ReportSources {
  /// The text that the user names, or else the one that the runs were validated on; see `HeldOutText.of`.
  func heldOutText(_ paths: [String], counting: CountedTokens?) throws -> HeldOutText? {
    try HeldOutText.of(
      paths, keys: nil, counting: counting, runs: others + [control].compactMap(\.self), teacherRun: teacherRun)
  }
}
