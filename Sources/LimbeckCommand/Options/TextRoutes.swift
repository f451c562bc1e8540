import Diagnostics
import Foundation
import ModelTraining
import Tokenization

/// A path of a model with a pattern behind it, as in `models/code:*.swift`.
struct RoutedPath: Equatable {
  let path: String
  /// nil where there is no pattern.
  let pattern: String?

  /// What a text may mean: all of it as a path, then what stands in front of each colon, the longest first.
  private static func readings(of text: String) -> [RoutedPath] {
    let colons = text.indices.filter { text[$0] == ":" }.reversed()
    return [RoutedPath(path: text, pattern: nil)]
      + colons.map { RoutedPath(path: String(text[..<$0]), pattern: String(text[text.index(after: $0)...])) }
  }

  /// The first of the readings whose path is there; without one, the text as a path.
  init(_ text: String) {
    self =
      Self.reading(of: text) { FileManager.default.fileExists(atPath: $0.path) } ?? RoutedPath(path: text, pattern: nil)
  }

  /// The first of the readings that is accepted.
  static func reading(of text: String, _ accepts: (RoutedPath) -> Bool) -> RoutedPath? {
    readings(of: text).first { !$0.path.isEmpty && accepts($0) }
  }

  private init(path: String, pattern: String?) { (self.path, self.pattern) = (path, pattern) }
}

/// By which patterns the files of a text are told apart, each part of them with its teacher.
struct TextRoutes {
  /// In the order in which they are tried.
  let globs: [FileGlob]
  /// Whether validation texts are told apart, too: not where nobody asks of which part they are.
  var coversValidation = true

  init(_ patterns: [String]) { globs = patterns.map { FileGlob($0) } }

  /// Those that a student learnt by, for its control; nil where its text had no parts.
  init?(ofRun folder: String) throws {
    let manifest = try RunManifest(ofRun: URL(fileURLWithPath: folder, isDirectory: true))
    guard let text = manifest?.inputs["text_parts"] else { return nil }
    self.init(text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
  }

  /// What a resumed run must share.
  var inputs: [String: String] { ["text_parts": globs.map(\.pattern).joined(separator: "\n")] }

  /// Throws what has no counterpart in the texts of a run.
  func requireFit(_ texts: TrainingTexts) throws(RecipeError) {
    if let training = texts.training { _ = try parts(ofTraining: training) }
    if coversValidation, let validation = texts.validation { _ = try parts(ofValidation: validation) }
  }

  /// The files of a text to learn by their patterns, each of which has some. Throws what has no counterpart.
  func parts(ofTraining corpus: Corpus) throws(RecipeError) -> [Corpus] {
    let found = try parts(of: corpus, "--text")
    var parts: [Corpus] = []
    for (glob, part) in zip(globs, found) {
      guard let part else {
        throw .flag(
          InvalidValue(
            "--teacher", expected: "files of --text for \(glob.pattern)",
            found: corpus.parts(by: [glob]).matched[0] == nil
              ? "none among \(Self.names(corpus.sources))" : "none that the patterns before it left",
            advice: "a file goes to the first teacher whose pattern matches"))
      }
      parts.append(part)
    }
    return parts
  }

  /// The files of a validation text by their patterns, of which some may have none. Throws where a file has no pattern.
  func parts(ofValidation corpus: Corpus) throws(RecipeError) -> [Corpus?] {
    try parts(of: corpus, "--validation-text")
  }

  private func parts(of corpus: Corpus, _ flag: String) throws(RecipeError) -> [Corpus?] {
    let found = corpus.parts(by: globs)
    guard found.others.isEmpty else {
      throw .flag(
        InvalidValue(
          "--teacher", expected: "a teacher for every file of \(flag)",
          found: "none for \(Self.names(found.others)), which \(globs.map(\.pattern).joined(separator: ", ")) "
            + (globs.count == 1 ? "does not match" : "do not match"),
          advice: "'MODEL:*' as the last teacher takes all that is left"))
    }
    return found.matched
  }

  /// The first of some files.
  private static func names(_ sources: [TextSource]) -> String {
    let shown = 3
    let names = sources.prefix(shown).map(\.name).joined(separator: ", ")
    return sources.count > shown ? "\(names) and \(sources.count - shown) more" : names
  }
}
