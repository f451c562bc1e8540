import Foundation
public import LanguageModels
public import ModelTraining
import TensorCore

/// Distillation without a teacher in memory: its distributions come from a cache.
public struct CachedTeacherObjective: TrainingObjective {
  /// What is minimised at each token, step by step.
  public let schedule: DistillationSchedule
  /// Whether the schedule changes with the steps.
  public var dependsOnTotalSteps: Bool { schedule.dependsOnTotalSteps }
  private let cache: LogitCache
  private let validation: LogitCache?

  /// - Parameters:
  ///   - objective: what is minimised at each token, at every step.
  ///   - cache: the teacher on the text to learn.
  ///   - validation: the teacher on the validation text; without it only the cross-entropy is measured there.
  /// - Throws: as with a schedule.
  public init(
    _ objective: DistillationObjective, _ cache: LogitCache, validation: LogitCache? = nil
  ) throws(CachedTeacherError) {
    try self.init(DistillationSchedule(objective), cache, validation: validation)
  }

  /// - Parameters:
  ///   - schedule: what is minimised at each token, step by step; its temperature must be constant.
  ///   - cache: the teacher on the text to learn.
  ///   - validation: the teacher on the validation text; without it only the cross-entropy is measured there.
  /// - Throws: `cache(.mismatch)` where a cache was made at another temperature; `needsForwardKL` where it has only some
  ///   tokens of each distribution and these are not enough for the schedule; `needsLogits` where the schedule compares
  ///   logits.
  public init(
    _ schedule: DistillationSchedule, _ cache: LogitCache, validation: LogitCache? = nil
  ) throws(CachedTeacherError) {
    for cache in [cache, validation].compactMap(\.self) {
      let temperature = schedule.temperature
      let expected = temperature.isConstant ? "\(temperature.end)" : "\(temperature.start) to \(temperature.end)"
      let found = "\(cache.description.temperature)"
      try CachedTeacherError.wrapping { () throws(LogitCacheError) in
        try cache.require("temperature", expected, found)
      }
      guard schedule.logitsMSEWeight.bounds.upperBound == 0 else { throw .needsLogits(cache: cache.url.path) }
      guard !cache.method.isSparse || schedule.isPlainForwardKL else {
        throw .needsForwardKL(cache: cache.url.path, method: cache.method.name)
      }
    }
    self.schedule = schedule
    self.cache = cache
    self.validation = validation
  }

  /// Checks that the caches fit a student and its settings. Call it before training.
  /// - Parameters:
  ///   - vocabularySize: V of the student.
  ///   - tokenizerDigest: the digest of its tokenizer.
  ///   - sequenceLength: T, tokens per sequence.
  /// - Throws: `cache(.mismatch)`, which says what differs.
  public func requireFit(
    vocabularySize: Int, tokenizerDigest: String, sequenceLength: Int
  ) throws(CachedTeacherError) {
    try CachedTeacherError.wrapping { () throws(LogitCacheError) in
      for cache in [cache, validation].compactMap(\.self) {
        let description = cache.description
        try cache.require("tokenizer digest", tokenizerDigest, description.tokenizer)
        try cache.require("vocabulary size", "\(vocabularySize)", "\(description.vocabularySize)")
        try cache.require("sequence length", "\(sequenceLength)", "\(description.sequenceLength)")
      }
    }
  }

  /// Checks that the caches were made for these texts. Call it before training.
  /// - Parameters:
  ///   - training: the text to learn.
  ///   - validation: the validation text, if there is one.
  /// - Throws: `cache(.mismatch)`, which says what differs.
  public func requireTexts(
    training: PackedSequences, validation: PackedSequences?
  ) throws(CachedTeacherError) {
    try CachedTeacherError.wrapping { () throws(LogitCacheError) in
      for (cache, text) in [(cache, training), (self.validation, validation)] {
        guard let cache, let text else { continue }
        try cache.require("token digest of \(text.name)", text.digest(), cache.description.tokens)
      }
    }
  }

  /// Adds `scale` × the gradient of the summed objective to the student's gradients. The batch must be cut from the text
  /// that the cache was made for.
  public func accumulateGradients(
    of student: TransformerDecoder, on batch: TokenBatch, at moment: TrainingMoment, scale: Double
  ) -> LossSums {
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let projection = student.projection(of: student.hiddenStates(batch.ids, batchSize: batch.batchSize))
    let (terms, hiddenGradient) = projection.mapLogitsWithGradient(
      rows: rows, reservesTeacherRow: !cache.method.isSparse,
      Self.body(schedule.objective(at: moment), cache, batch, scale: Float(scale)))
    projection.hidden.backward(from: hiddenGradient)
    return LossSums(terms)
  }

  /// The summed objective on a batch of the validation text; the cross-entropy alone where there is no cache for it.
  public func measure(_ student: TransformerDecoder, on batch: TokenBatch, at moment: TrainingMoment) -> LossSums {
    guard let validation else { return CrossEntropyObjective().measure(student, on: batch, at: moment) }
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let projection = student.projection(of: student.hiddenStates(batch.ids, batchSize: batch.batchSize))
    return LossSums(
      projection.mapLogits(
        rows: rows, reservesTeacherRow: !validation.method.isSparse,
        Self.body(schedule.objective(at: moment), validation, batch, scale: nil)))
  }

  private static func body(
    _ objective: DistillationObjective, _ cache: LogitCache, _ batch: TokenBatch, scale: Float?
  ) -> LogitsRowBody<DistillationObjective.Terms> {
    let targets = batch.targets.filter { $0 >= 0 }.map(Int.init)
    let teacher = CachedTeacherRows(cache, batch)
    return { index, student, teacherRow, scratch in
      if let row = teacher.sparseRow(index) {
        return objective.evaluate(
          label: targets[index], student: &student, teacher: row, scratch: &scratch, scale: scale)
      }
      teacher.readLogits(index, into: &teacherRow)
      return objective.evaluate(
        label: targets[index], student: &student, teacher: &teacherRow, scratch: &scratch, scale: scale)
    }
  }
}

extension DistillationSchedule {
  /// Whether the distance from the teacher is the forward KL divergence at every step, and tokens have one weight: then
  /// a few tokens of each of the teacher's distributions are enough.
  fileprivate var isPlainForwardKL: Bool {
    divergences.count == 1 && divergences[0].weight == 1
      && DistillationObjective.isForwardKL(divergences[0].divergence) && tokenWeighting == .uniform
  }
}

/// The teacher's distributions of a batch's counted tokens, in their order.
struct CachedTeacherRows: Sendable {
  private let cache: LogitCache
  /// All rows, where the method is sparse.
  private let sparse: [LogitCacheRow]
  /// Else where each of them is: the sequence, and which of its counted tokens it is.
  private let places: [(sequence: Int, row: Int)]

  init(_ cache: LogitCache, _ batch: TokenBatch) {
    precondition(batch.sequences.count == batch.batchSize, "a batch that was not cut from a text has no cached teacher")
    self.cache = cache
    var (sparse, places): ([LogitCacheRow], [(sequence: Int, row: Int)]) = ([], [])
    for (place, sequence) in batch.sequences.enumerated() {
      let count = batch.targets[place * batch.length..<(place + 1) * batch.length].count { $0 >= 0 }
      if cache.method.isSparse {
        sparse += cache.rows(ofSequence: sequence, count: count)
      } else {
        places += (0..<count).map { (sequence, $0) }
      }
    }
    (self.sparse, self.places) = (sparse, places)
  }

  /// The distribution of a counted token, where only some tokens of it are known.
  func sparseRow(_ index: Int) -> SparseDistribution? {
    cache.method.isSparse ? SparseDistribution(sparse[index]) : nil
  }

  /// Writes logits [V] whose softmax at the cache's temperature is the distribution of a counted token.
  func readLogits(_ index: Int, into row: inout MutableSpan<Float>) {
    let (sequence, place) = places[index]
    cache.withCodes(ofSequence: sequence, row: place) { codes in
      RowKernels.decode(codes, into: &row, scale: cache.description.temperature)
    }
  }
}
