import DistillationReport
import Foundation
import Tokenization

/// The text that a report measures models on.
struct HeldOutText {
  /// What the page calls it: its paths.
  let name: String
  let corpus: Corpus
}

extension ReportSources {
  /// The text that the user names, or else the one that the runs were validated on, which must be one; nil if no run
  /// was. Its rows are read as the runs read theirs.
  /// - Parameters:
  ///   - paths: what the user names.
  ///   - counting: what counts of rows with a prompt, if the user says so; by default prompts count if they do in one
  ///     of the runs.
  /// - Returns: the text and what messages call it.
  /// - Throws: where the runs were validated on different texts, and what is wrong with the files.
  func heldOutText(_ paths: [String], counting: CountedTokens?) throws -> HeldOutText? {
    let runs = others + [control].compactMap(\.self)
    let countsPrompts = runs.contains { $0.settings.contains(.init(key: "count", value: "prompts")) }
    let counting = counting ?? (countsPrompts ? .prompts : .completions)
    let keys = (runs.first ?? teacherRun)?.keys ?? JSONLinesKeys()
    func text(_ paths: [String]) throws -> HeldOutText {
      HeldOutText(
        name: paths.joined(separator: ", "),
        corpus: try TextListing(keys: keys, counting: counting).corpus(paths, Console()))
    }
    if !paths.isEmpty { return try text(paths) }
    let recorded = try validationText
    if !recorded.isEmpty { return try text(recorded) }
    guard let first = runs.first(where: { $0.heldOutShare != nil }), let (share, seed) = first.heldOutShare else {
      return nil
    }
    for run in runs where run.heldOutShare != nil {
      if run.text != first.text || run.heldOutShare ?? (0, 0) != (share, seed) {
        throw CommandError.recordsDiffer(
          first: first.recipeFile, second: run.recipeFile, key: "validation-share", flag: "--text")
      }
    }
    for path in first.text where !FileManager.default.fileExists(atPath: path) {
      throw CommandError.recordedPathMissing(recipe: first.recipeFile, key: "text", path: path, flag: "--text")
    }
    let whole = try text(first.text)
    return HeldOutText(
      name: "held out of \(whole.name)", corpus: whole.corpus.split(validationShare: share, seed: seed).validation)
  }

  private var validationText: [String] {
    get throws {
      let trained = (others + [control].compactMap(\.self)).filter { !$0.validationText.isEmpty }
      guard let first = trained.first ?? teacherRun else { return [] }
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
}
