import Diagnostics
import DurableFiles
public import Foundation
import ModelFiles

/// Where a run has come to: what another one goes on from, with more steps and another schedule of the learning rate.
///
/// The new run takes the weights of the newest checkpoint, the optimiser's means and the place in the text. A finished
/// run whose checkpoints were removed gives its weights alone.
public struct RunContinuation: Sendable {
  /// The folder of the weights to begin with, which has the tokenizer's files, too.
  public let model: URL
  /// Steps behind these weights.
  public let step: Int
  /// Sequences read in these steps; nil where no checkpoint tells.
  public let sequencesRead: Int?
  /// Input tokens of these steps.
  public let tokensSeen: Int
  /// The checkpoint and what it says; nil where there is none.
  let checkpoint: (url: URL, state: TrainingState)?

  /// Reads the folder of a run, which is not changed. Throws `file` where it is no run or has no weights yet, and
  /// `damagedRun`.
  public init(ofRun folder: URL) throws(TrainingError) {
    guard let manifest = try RunManifest(ofRun: folder) else {
      throw .file(
        .missing(
          file: RunManifest.file(in: folder).path,
          advice: "expected the output folder of limbeck train or limbeck distill"))
    }
    if let newest = RunFolder.newestCheckpoint(ofRun: folder) {
      let state = try TrainingCheckpoint.state(in: newest.url)
      checkpoint = (newest.url, state)
      model = newest.url
      step = state.step
      sequencesRead = state.sequencesRead
      tokensSeen = state.tokensSeen
    } else if let result = manifest.result {
      checkpoint = nil
      model = folder
      step = result.steps
      sequencesRead = nil
      tokensSeen = result.tokensSeen
    } else {
      throw .file(
        .missing(
          file: folder.appendingPathComponent("checkpoints").path,
          advice: "the run has no weights yet; go on with it by --resume"))
    }
  }

  /// The place in the text that a run with the given recipe and texts goes on from: where the earlier one stopped if it
  /// reads the same sequences in the same order, else the beginning.
  func place(in texts: [String: String], _ recipe: TrainingRecipe) -> Int {
    guard let state = checkpoint?.state,
      ["training_text", "packing"].allSatisfy({ state.texts[$0] == texts[$0] }), state.recipe.seed == recipe.seed,
      state.recipe.sequenceLength == recipe.sequenceLength
    else { return 0 }
    return state.sequencesRead
  }
}

extension RunContinuation {
  /// Stands for the weights that are gone on from. Reads all of them. Throws what is wrong with their files.
  public var digest: String {
    get throws(TrainingError) {
      try wrapping { () throws(ModelFileError) in try openModel(at: model).digest }
    }
  }
}

extension RunContinuation: CustomStringConvertible {
  /// Where it goes on from, for people.
  public var description: String {
    checkpoint == nil
      ? "weights after step \(step)"
      : "weights and optimiser after step \(step), \(counted(sequencesRead ?? 0, "sequence")) read"
  }
}
