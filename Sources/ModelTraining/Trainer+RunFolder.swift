import Foundation
import ModelFiles

/// What a run writes into its folder, and reads from it.
extension Trainer {
  private var textDigests: [String: String] {
    var texts = ["training_text": data.digest(), "packing": data.packing.description]
    texts["validation_text"] = validation?.digest()
    return texts
  }

  /// Takes over what an earlier run left: the number of its steps, the optimiser's means, and the place in the text.
  func begin(after continuation: RunContinuation) throws(TrainingError) {
    state.stepsBefore = continuation.step + (continuation.checkpoint?.state.stepsBefore ?? 0)
    guard let (url, saved) = continuation.checkpoint else { return }
    try TrainingCheckpoint.restoreOptimizers(optimizer, objectiveOptimizer, from: url, saved)
    let place = continuation.place(in: state.texts.isEmpty ? textDigests : state.texts, recipe)
    (state.sequencesRead, state.sequencesBefore) = (place, place)
  }

  /// Opens the folder's metrics and, if it has a checkpoint, continues from the newest: returns its step.
  func open(_ folder: RunFolder) throws(TrainingError) -> Int? {
    let texts = textDigests
    let steps = folder.checkpointSteps()
    let newest = steps.last
    if let newest {
      let url = folder.checkpointURL(step: newest)
      func reading<Result>(_ body: () throws(TrainingError) -> Result) throws(TrainingError) -> Result {
        do throws(TrainingError) { return try body() } catch {
          throw error.ofCheckpoint(at: url, previous: steps.dropLast().last)
        }
      }
      var saved = try reading { () throws(TrainingError) in try TrainingCheckpoint.state(in: url) }
      let obstacle = recipe.firstObstacle(toResuming: saved.recipe, ofFixedLength: objective.dependsOnTotalSteps)
      if let (key, begun, now) = obstacle {
        throw .cannotResume(folder: folder.url.path, key: key, begun: begun, now: now)
      }
      for key in ["training_text", "validation_text", "packing"] where saved.texts[key] != texts[key] {
        throw .cannotResume(
          folder: folder.url.path, key: key, begun: saved.texts[key] ?? "none", now: texts[key] ?? "none")
      }
      guard saved.step <= totalSteps else {
        throw .cannotResume(folder: folder.url.path, key: "steps", begun: "\(saved.step)", now: "\(totalSteps)")
      }
      try reading { () throws(TrainingError) in
        try TrainingCheckpoint.restore(
          model, optimizer, objectiveOptimizer, average, from: url, run: folder.url.path)
      }
      optimizer.updates = saved.updates
      objectiveOptimizer?.updates = saved.updates
      saved.recipe = recipe
      state = saved
    }
    state.texts = texts
    checkpointedStep = newest
    metrics = try MetricsLog(of: folder, keeping: newest == nil ? 0 : state.metricsByteCount)
    return newest
  }

  func writeCheckpoint(to folder: RunFolder, _ clock: RunClock) throws(TrainingError) -> URL {
    state.seconds = clock.seconds
    if let metrics {
      try metrics.synchronize()
      state.metricsByteCount = metrics.byteCount
    }
    let url = folder.checkpointURL(step: state.step)
    try TrainingCheckpoint.write(
      state, model: model, optimizer: optimizer, objectiveOptimizer: objectiveOptimizer, average: average,
      modelFiles: folder.modelFiles, to: url)
    checkpointedStep = state.step
    try folder.removeOldCheckpoints(keeping: recipe.keptCheckpoints)
    return url
  }

  /// Puts the trained model into the folder, then closes the run.
  func finish(_ folder: RunFolder, _ clock: RunClock) throws(TrainingError) {
    guard folder.manifest.result == nil else { return }
    try wrapping { () throws(ModelFileError) in
      try model.writeTrained(to: folder.url, with: folder.modelFiles, as: folder.weightType)
    }
    state.seconds = clock.seconds
    try folder.finish(
      RunResult(
        finished: Date(), steps: state.step, tokensSeen: state.tokensSeen, seconds: state.seconds,
        peakMemoryBytes: peakMemoryBytes(), lastValidation: state.lastValidation, bestValidation: state.bestValidation))
  }
}
