import Diagnostics
import Foundation
import ModelTraining

/// The run that another one goes on with, and where a model to train comes from.
struct TrainingStart {
  /// A config.json or a folder, as the user says or the run that is continued has it.
  let model: String
  /// nil for a run of its own, and where a continuation is resumed from a checkpoint.
  let continuation: RunContinuation?
  /// What a resumed run must share, by the names of `RunManifest.inputs`.
  let inputs: [String: String]
  /// The folder of the run that is continued, where it is read.
  private let run: String?

  /// Once a continuation has a checkpoint, it is resumed from that alone: the run that it continues may be gone, or may
  /// have gone on.
  /// - Parameters:
  ///   - key: the name of the flag that gives the model: `model` or `student`.
  ///   - flag: its value.
  ///   - options: the flags that `train` and `distill` share.
  ///   - recipe: the settings.
  /// - Throws: where neither a model nor a run is given, or both; what is wrong with the run.
  init(_ key: String, _ flag: String?, _ options: TrainingOptions, _ recipe: inout RecipeFile) throws {
    let resumed = try Self.resumed(options)
    // The path of a run that is not read may lead nowhere.
    let name =
      resumed == nil
      ? try recipe.path("continue", options.continuedRun) : try recipe.value("continue", options.continuedRun)
    guard let name else {
      model = try recipe.requiredPath(key, flag, mayBeName: true)
      (continuation, inputs, run) = (nil, [:], nil)
      return
    }
    if let found = try recipe.value(key, flag) {
      throw recipe.invalid(
        key, expected: "nothing with --continue", found: found, advice: "the model is that of \(name)")
    }
    if let (begun, checkpoint) = resumed {
      model = checkpoint.path
      continuation = nil
      inputs = begun.filter { ["continues", "continued_weights", key].contains($0.key) }
      run = nil
    } else {
      let continuation = try RunContinuation(ofRun: URL(fileURLWithPath: name, isDirectory: true))
      model = continuation.model.path
      self.continuation = continuation
      inputs = ["continues": continuation.description, "continued_weights": try continuation.digest]
      run = name
    }
  }

  /// What the continuation that is resumed was begun with, and its newest checkpoint; nil where there is none.
  private static func resumed(_ options: TrainingOptions) throws -> (inputs: [String: String], checkpoint: URL)? {
    guard options.resume, let output = options.output else { return nil }
    let folder = URL(fileURLWithPath: output, isDirectory: true)
    guard let begun = try RunManifest(ofRun: folder)?.inputs, begun["continues"] != nil,
      let newest = RunFolder.newestCheckpoint(ofRun: folder)
    else { return nil }
    return (begun, newest.url)
  }

  /// Throws where text that the continued run learnt would be held out for validation.
  func requireSameSplit(_ settings: TrainingSettings) throws(RecipeError) {
    guard let run, let share = settings.validationShare else { return }
    var begun = try RecipeFile(contentsOf: "\(run)/recipe.yaml")
    func files(_ paths: [String]) -> Set<String> {
      Set(paths.map { URL(fileURLWithPath: $0).standardizedFileURL.path })
    }
    // Texts that are not where they were are not those of this run.
    guard let texts = try? begun.paths("text", []), !files(texts).isDisjoint(with: files(settings.text)) else { return }
    let none: (share: Double?, seed: UInt64?) = (nil, nil)
    let before = try begun.value("validation-share", none.share)
    if before != share {
      throw .flag(
        InvalidValue(
          "--validation-share", expected: before.map { "\($0), as in \(run)" } ?? "none, as in \(run)",
          found: "\(share)", advice: "the model has learnt text that would be held out; or give another --text"))
    }
    if let seed = try begun.value("seed", none.seed), seed != settings.recipe.seed {
      throw .flag(
        InvalidValue(
          "--seed", expected: "\(seed), by which \(run) held out its validation text",
          found: "\(settings.recipe.seed)", advice: "the model has learnt text that another seed would hold out"))
    }
  }
}
