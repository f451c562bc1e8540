import Diagnostics
import LanguageModels
public import ModelTraining

/// A run.
extension Distiller {
  /// Checks that sequences of so many tokens fit student and teachers, and on-policy prompts the sequences. Throws
  /// `value`, or `cache` where a cache has sequences of another length.
  public func requireFit(sequenceLength: Int) throws(DistillationError) {
    switch signal {
    case .live(let contextLengths, let onPolicy, _):
      for contextLength in contextLengths where sequenceLength > contextLength {
        throw .value(.sequenceLength(sequenceLength, beyond: contextLength, of: "the teacher"))
      }
      do { try onPolicy?.validate(sequenceLength: sequenceLength) } catch { throw .value(error) }
    case .cached(let caches):
      do { try caches.requireFit(sequenceLength: sequenceLength) } catch { throw .cache(error) }
    }
    let contextLength = student.configuration.contextLength
    guard sequenceLength <= contextLength else {
      throw .value(.sequenceLength(sequenceLength, beyond: contextLength, of: "the student"))
    }
  }

  /// Checks that a cache was made for these texts, and that each part of them has a teacher where these are chosen by
  /// parts. Throws `cache`, which says what differs, or `value`.
  public func requireFit(_ text: PackedSequences, validation: ValidationText? = nil) throws(DistillationError) {
    switch signal {
    case .live(_, _, let choice):
      do { try choice.requireFit(text, validation) } catch { throw .value(error) }
    case .cached(let caches):
      do { try caches.requireTexts(training: text, validation: validation) } catch { throw .cache(error) }
    }
  }

  /// Checks that a run can make the cache that it is to learn from: that it reads the text more than once, and that
  /// there is room on the disk. Returns what the cache will be; nil where none is made. Throws `cache`.
  public func plannedCache(
    _ recipe: TrainingRecipe, over text: PackedSequences, continuing continuation: RunContinuation? = nil
  ) throws(DistillationError) -> PlannedCache? {
    guard let caching = objective as? CachingTeacherObjective else { return nil }
    do { return try caching.requireFit(recipe, over: text, continuing: continuation) } catch { throw .cache(error) }
  }

  /// Trains the student; see `Trainer.run(_:)`.
  /// - Parameters:
  ///   - text: the text to learn on.
  ///   - validation: a text to be measured on the way.
  ///   - recipe: steps, batches, learning rate.
  ///   - folder: where metrics, checkpoints and the student go; without one nothing is written.
  ///   - continuation: an earlier run that this one goes on with, as in `Trainer`; by default there is none.
  ///   - handler: receives each event; `.stop` ends the run after a checkpoint.
  /// - Returns: how far the run has come.
  /// - Throws: `training` as `Trainer`; as `requireFit(sequenceLength:)`, `requireFit(_:validation:)` and
  ///   `plannedCache`.
  @discardableResult
  public func run(
    over text: PackedSequences, validation: ValidationText? = nil, _ recipe: TrainingRecipe,
    folder: RunFolder? = nil, continuing continuation: RunContinuation? = nil,
    _ handler: (TrainingEvent) -> TrainingDirective = { _ in .continue }
  ) throws(DistillationError) -> TrainingSummary {
    try requireFit(sequenceLength: recipe.sequenceLength)
    try requireFit(text, validation: validation)
    if let caching = objective as? CachingTeacherObjective {
      _ = try plannedCache(recipe, over: text, continuing: continuation)
      do { try caching.begin(over: text) } catch { throw .cache(error) }
    }
    do throws(TrainingError) {
      return try Trainer(
        model: student, objective: objective, data: text, validation: validation, recipe: recipe, folder: folder,
        continuing: continuation
      ).run(handler)
    } catch { throw .training(error) }
  }
}
