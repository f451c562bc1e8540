public import Diagnostics
public import DurableFiles
public import Foundation
public import ModelFiles

/// What can go wrong in a training run through no fault of the program. Every text names what was expected, what was
/// found, and where it helps what to do.
public enum TrainingError: Error, Equatable, Sendable {
  /// A value of a recipe or a text that makes no sense, or does not fit the model. Keys of a recipe are spelt as on the
  /// command line, `batch-size`.
  case value(InvalidValue)
  /// No token of a text counts in the loss.
  case nothingCounted(text: String)
  /// A loss or a gradient became NaN or infinite. `tensor` is the first parameter with such a gradient, nil if none
  /// has.
  case notFinite(step: Int, quantity: String, value: String, tensor: String?)
  /// A new run was to be written where something stands already.
  case outputExists(folder: String)
  /// A run was to be continued that has come to its end.
  case alreadyFinished(folder: String)
  /// A run was to be continued with something other than what it was begun with.
  case cannotResume(folder: String, key: String, begun: String, now: String)
  /// A file of a run folder cannot be understood.
  case damagedRun(file: String, reason: String)
  /// The newest checkpoint of a run cannot be used. `previous` is the step of the one before, nil if there is none.
  case damagedCheckpoint(folder: String, reason: String, previous: Int?)
  /// Reading or writing a file failed.
  case model(ModelFileError)
  /// A file as such: missing, unreadable, a full disk.
  case file(FileError)
}

extension TrainingError: CustomStringConvertible, LocalizedError {
  /// One line for the user: what is wrong, and where it helps the remedy.
  public var description: String {
    switch self {
    case .value(let error): error.description
    case .nothingCounted(let text):
      "\(text): expected tokens that count in the loss, found none; prompts count with --count prompts, and "
        + "completions behind long prompts with a larger --sequence-length"
    case .notFinite(let step, let quantity, let value, let tensor):
      "step \(step): the \(quantity) is \(value)"
        + (tensor.map { ", the gradient of \($0) is not finite" } ?? "")
        + "; the weights were left as they were before this step; try a lower learning rate or a longer warm-up"
    case .outputExists(let folder):
      "\(folder): exists already and will not be overwritten; choose another output, or continue that run with --resume"
    case .alreadyFinished(let folder):
      "\(folder): this run is finished and will not be overwritten; to train its model further, continue it in a new "
        + "folder: --continue \(folder) --steps N --output NEW"
    case .cannotResume(let folder, let key, let begun, let now) where key == "steps" || key == "epochs":
      "\(folder): the run was begun with \(key) \(begun) and cannot continue with \(now), for the learning rate of "
        + "each step depends on it; use what it was begun with, then train further with --continue"
    case .cannotResume(let folder, let key, let begun, let now):
      "\(folder): the run was begun with \(key.replacing("_", with: " ")) \(begun) and cannot continue with \(now); "
        + "use what it was begun with, or start a new run"
    case .damagedRun(let file, let reason):
      "\(file): \(reason)"
    case .damagedCheckpoint(let folder, let reason, let previous):
      "\(folder): this checkpoint is damaged: \(reason); delete that folder and resume again, "
        + (previous.map { "and the run goes on after step \($0)" } ?? "and the run begins anew, for there is no other")
    case .model(let error): error.description
    case .file(let error): error.description
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}

extension InvalidValue {
  /// Sequences are longer than a model's context.
  package static func sequenceLength(_ length: Int, beyond contextLength: Int, of model: String) -> InvalidValue {
    InvalidValue("sequence-length", expected: "at most \(contextLength), the context of \(model)", found: "\(length)")
  }
}

extension TrainingError {
  /// The same error as one of a checkpoint that was read to go on from, where its files are at fault. To go on from an
  /// older one is left to the user, for the steps since would be lost without a word.
  func ofCheckpoint(at url: URL, previous: Int?) -> TrainingError {
    switch self {
    case .file(.unreadable): self
    case .model, .file, .damagedRun: .damagedCheckpoint(folder: url.path, reason: description, previous: previous)
    default: self
    }
  }
}

/// Turns an error about a file into one about a run.
func wrapping<Result>(
  _ body: () throws(ModelFileError) -> Result
) throws(TrainingError) -> Result {
  do throws(ModelFileError) { return try body() } catch {
    if case .file(let error) = error { throw .file(error) }
    throw .model(error)
  }
}

/// As above, of what only touches files.
func wrappingFile<Result>(
  _ body: () throws(FileError) -> Result
) throws(TrainingError) -> Result {
  do throws(FileError) { return try body() } catch { throw .file(error) }
}

/// Turns Foundation's error in writing `file` into a typed one.
func writing<Result>(_ file: URL, _ body: () throws -> Result) throws(TrainingError) -> Result {
  do { return try body() } catch {
    throw .file(.unwritable(file: file.path, reason: error.localizedDescription))
  }
}
