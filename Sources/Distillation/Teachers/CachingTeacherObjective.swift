import Diagnostics
import DurableFiles
import Foundation
import LanguageModels
import ModelTraining
import TensorCore
import Tokenization

/// Distillation with the teacher in memory in the first epoch, in which a cache takes down what it says, and from the
/// cache in all others. The validation text is measured with the teacher itself, throughout.
///
/// Which steps learn from which depends on their place in the text alone, not on what the cache has already: so an
/// interrupted run that goes on from a checkpoint repeats them to the bit.
final class CachingTeacherObjective: TrainingObjective {
  private let live: LiveTeacherObjective
  private let teacher: Distiller.Teacher
  private let plan: TeacherCachePlan
  private var stage = Stage.prepared

  private enum Stage {
    case prepared
    case recording(TeacherCacheRecorder, TeacherCacheFolder, TeacherCacheRecording)
    case cached(any TrainingObjective)
  }

  /// - Parameters:
  ///   - teacher: the teacher, and the tokenizer of it and the text.
  ///   - objective: what is minimised at each token, step by step.
  ///   - alignment: what is compared of the hidden states; nil for nothing.
  ///   - plan: where and how the cache is made.
  /// - Throws: `value`, `needsWholeDistribution` or `needsLogits` where a cache is not enough for the objective.
  init(
    _ teacher: Distiller.Teacher, _ objective: ScheduledObjective, alignment: HiddenStateAlignment?,
    plan: TeacherCachePlan
  ) throws(TeacherCacheError) {
    self.teacher = teacher
    self.plan = plan
    live = LiveTeacherObjective(teachers: [(teacher.decoder, 1)], objective, alignment: alignment)
    if plan.methods.count == 1 { try plan.requireFit(plan.methods[0], objective, alignment) }
  }

  var parameters: ParameterStore? { live.parameters }
  var dependsOnTotalSteps: Bool { live.dependsOnTotalSteps }

  func measure(_ student: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums {
    live.measure(student, on: batch, at: position)
  }

  func accumulateGradients(
    of student: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums {
    if position.hasReadText, case .cached(let objective) = stage {
      return objective.accumulateGradients(of: student, on: batch, at: position, scale: scale)
    }
    var recording: TeacherCacheRecording?
    if case .recording(_, _, let current) = stage { recording = current }
    return live.accumulateGradients(of: student, on: batch, at: position, scale: scale, recording: recording)
  }

  /// The batch itself. Before the first step that learns from the cache, this completes it; a sequence that was lost,
  /// as by a damaged file, is computed once more. Throws what the disk has refused since.
  func batch(
    inPlaceOf batch: TokenBatch, for model: TransformerDecoder, at position: StepPosition, isWanted: () -> Bool
  ) throws(TrainingError) -> TokenBatch {
    guard case .recording(let recorder, let folder, let recording) = stage else { return batch }
    do throws(TeacherCacheError) {
      if let failure = recording.failure { throw failure }
      guard position.hasReadText else { return batch }
      let isComplete = try recorder.record(into: folder, from: recording.journal) { _ in
        isWanted() ? .continue : .stop
      }
      if isComplete { stage = .cached(try cached()) }
    } catch { throw TrainingError(error) }
    return batch
  }

  /// What is learnt from the complete cache.
  private func cached() throws(TeacherCacheError) -> any TrainingObjective {
    let cache = try TeacherCache(contentsOf: plan.url)
    guard cache.method.keepsStates else { return try CachedTeacherObjective(live.scheduled, cache) }
    let head = teacher.decoder.frozen().outputHead
    return try CachedStatesObjective(
      live.scheduled, TeacherCaches(training: cache, validation: nil), head: head, alignment: live.alignment,
      on: teacher.decoder.device)
  }
}

extension CachingTeacherObjective {
  /// What takes down a text.
  private func recorder(of text: PackedSequences) throws(TeacherCacheError) -> TeacherCacheRecorder {
    let method = try method(for: text)
    try plan.requireFit(method, live.scheduled, live.alignment)
    return try TeacherCacheRecorder(
      teacher: teacher.decoder, text: text, method: method,
      temperature: method.keepsStates ? 1 : live.scheduled.temperature.end, seed: plan.seed,
      teacherDigest: plan.teacherDigest, tokenizerDigest: teacher.tokenizer.digest.hexadecimal)
  }

  private func method(for text: PackedSequences) throws(TeacherCacheError) -> TeacherCacheMethod {
    try plan.method(
      forTokens: text.countedTokens, vocabularySize: teacher.decoder.configuration.vocabularySize)
  }

  /// Checks that a run over a text can make the cache and learns from it. Returns what the cache will be, and the bytes
  /// that it takes at most. Throws `value`; `file` where something stands in its place.
  func requireFit(
    _ recipe: TrainingRecipe, over text: PackedSequences, continuing continuation: RunContinuation?
  ) throws(TeacherCacheError) -> PlannedCache {
    let description = try recorder(of: text).description
    let method = try method(for: text)
    let bytes = method.bytes(ofTokens: text.countedTokens, vocabularySize: description.vocabularySize)
    if !plan.resumes {
      guard !somethingExists(at: plan.url.path) else { throw .file(.exists(file: plan.url.path)) }
      try TeacherCachePlan.requireSpace(bytes, gathersSequences: true, at: plan.url)
    }
    try requireSecondEpoch(recipe, text, continuation)
    return PlannedCache(method: method, bytes: bytes)
  }

  /// Checks that some step comes after those that read all of the text. Throws `value`.
  private func requireSecondEpoch(
    _ recipe: TrainingRecipe, _ text: PackedSequences, _ continuation: RunContinuation?
  ) throws(TeacherCacheError) {
    let length: TrainingLength
    do { length = try recipe.length(over: text) } catch {
      // what is wrong with recipe or text is for the trainer to say
      return
    }
    let epoch = text.sequencesOfEpoch
    // a run that goes on in the midst of an epoch has to end that one, too
    let begun = (continuation?.sequencesRead ?? 0) % epoch
    let steps = (epoch + (begun == 0 ? 0 : epoch - begun) - 1) / length.batchSize + 1
    guard length.steps > steps else {
      throw .value(
        InvalidValue(
          "cache-while-distilling", expected: "more than the \(counted(steps, "step")) that read all of the text",
          found: "\(length.steps)",
          advice: "leave it out, train longer, or make the cache alone: limbeck cache-teacher"))
    }
  }

  /// Makes or opens the cache. Throws as `requireFit` does, and what the disk refuses.
  func begin(over text: PackedSequences) throws(TeacherCacheError) {
    guard case .prepared = stage else { return }
    let recorder = try recorder(of: text)
    let files = teacher.tokenizer.files
    let folder =
      try plan.resumes && TeacherCacheFolder.exists(at: plan.url)
      ? TeacherCacheFolder(resuming: plan.url, recorder.description, tokenizerFiles: files)
      : TeacherCacheFolder(creating: plan.url, recorder.description, tokenizerFiles: files)
    if try folder.unfinishedFiles().isEmpty {
      stage = .cached(try cached())
    } else {
      let recording = TeacherCacheRecording(recorder.encoder, into: try TeacherCacheJournal(of: folder))
      stage = .recording(recorder, folder, recording)
    }
  }
}

/// What a run will keep of its teacher.
public struct PlannedCache: Sendable, Equatable {
  /// What is kept of each distribution.
  public let method: TeacherCacheMethod
  /// The bytes of all of them, at most.
  public let bytes: Double
}

extension TrainingError {
  /// An error about a cache, as one of the run that makes it.
  fileprivate init(_ error: TeacherCacheError) {
    switch error {
    case .value(let value): self = .value(value)
    case .file(let file): self = .file(file)
    case .damaged(let file, let reason): self = .file(.unreadable(file: file, reason: reason))
    case .unfinished(let cache, _, _), .beingRecorded(let cache), .needsWholeDistribution(let cache, _),
      .needsLogits(let cache), .needsHead(let cache):
      self = .file(.unreadable(file: cache, reason: error.description))
    case .notFinite: self = .file(.unreadable(file: "the teacher", reason: error.description))
    }
  }
}
