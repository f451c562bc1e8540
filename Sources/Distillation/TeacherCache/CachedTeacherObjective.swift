public import LanguageModels
public import ModelTraining
import TensorCore

/// Distillation without a teacher in memory: its distributions come from a cache.
public struct CachedTeacherObjective: TrainingObjective {
  /// What is minimised at each token, step by step.
  public let scheduled: ScheduledObjective
  /// Whether a weight changes with the steps.
  public var dependsOnTotalSteps: Bool { scheduled.dependsOnTotalSteps }
  /// The teacher on the texts.
  public let caches: TeacherCaches

  /// - Parameters:
  ///   - objective: what is minimised at each token, at every step.
  ///   - cache: the teacher on the text to learn.
  ///   - validation: the teacher on the validation text, cut as `ValidationText` cuts it; without it only the
  ///     cross-entropy is measured there.
  /// - Throws: as with one that changes.
  public init(
    _ objective: DistillationObjective, _ cache: TeacherCache, validation: TeacherCache? = nil
  ) throws(TeacherCacheError) {
    try self.init(ScheduledObjective(objective), cache, validation: validation)
  }

  /// - Parameters:
  ///   - objective: what is minimised at each token, step by step; its temperature must be constant.
  ///   - cache: the teacher on the text to learn.
  ///   - validation: the teacher on the validation text, cut as `ValidationText` cuts it; without it only the
  ///     cross-entropy is measured there.
  /// - Throws: `value` where a cache was made at another temperature; `needsHead` where it has hidden states;
  ///   `needsWholeDistribution` where it has only some tokens of each distribution and these are not enough;
  ///   `needsLogits` where the objective compares logits.
  public init(
    _ objective: ScheduledObjective, _ cache: TeacherCache, validation: TeacherCache? = nil
  ) throws(TeacherCacheError) {
    caches = TeacherCaches(training: cache, validation: validation)
    try caches.requireDistributions(for: objective)
    scheduled = objective
  }

  /// Adds `scale` × the gradient of the summed objective to the student's gradients. The batch must be cut from the
  /// text that the cache was made for. At a step in which nothing is asked of the teacher the cache is not read, and
  /// the gradients have the bits of `CrossEntropyObjective`.
  public func accumulateGradients(
    of student: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums {
    let objective = scheduled.objective(at: position)
    guard objective.asksTeacher else {
      return CrossEntropyObjective().accumulateGradients(
        of: student, on: batch, at: position, weight: Double(objective.hardLabelWeight), scale: scale)
    }
    let backward = BackwardPass()
    let sums = sums(student, batch, caches.training, objective, scale: Float(scale), backward)
    backward.run()
    return sums
  }

  /// The summed objective on a batch of the validation text, and as far as the cache tells the distributions' entropies
  /// and KL divergence at temperature 1; cross-entropy and the student's entropy alone where there is no cache for it.
  public func measure(_ student: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums {
    guard let validation = caches.validation else {
      return CrossEntropyObjective().measure(student, on: batch, at: position)
    }
    return sums(student, batch, validation, scheduled.objective(at: position), scale: nil, nil)
  }

  /// The sums and, where there is a scale, `scale` × the gradients of the last tensors, which are added to the pass.
  private func sums(
    _ student: any DecoderModel, _ batch: TokenBatch, _ cache: TeacherCache, _ objective: DistillationObjective,
    scale: Float?, _ backward: BackwardPass?
  ) -> LossSums {
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let teacher = CachedTeacherRows(cache, batch)
    defer { cache.releasePages(of: batch) }
    let projection = student.projection(of: student.hiddenStates(batch.ids, lengths: batch.segments))
    let found = projection.mapLogits(rows: rows, reservesTeacherRow: !cache.method.isSparse, backward: backward) {
      index, student, teacherRow, scratch in
      let label = Int(batch.targets[Int(rows[index])])
      if let row = teacher.sparseRow(index) {
        return MeasuredToken(
          studentEntropy: scale == nil ? DistributionPair.entropy(student.span) : nil,
          terms: objective.evaluate(label: label, student: &student, teacher: row, scratch: &scratch, scale: scale))
      }
      teacher.readLogits(index, into: &teacherRow)
      return MeasuredToken(
        distributions: scale == nil
          ? DistributionPair(teacher: teacherRow.span, student: student.span, scratch: &scratch) : nil,
        terms: objective.evaluate(
          label: label, student: &student, teacher: &teacherRow, scratch: &scratch, scale: scale))
    }
    var sums = LossSums(found.map(\.terms))
    guard scale == nil else { return sums }
    if cache.method.isSparse {
      sums.terms[.entropy] = found.reduce(0) { $0 + ($1.studentEntropy ?? 0) }
    } else {
      sums.add(found.compactMap(\.distributions))
    }
    return sums
  }
}

/// The teacher's distributions of a batch's counted tokens, in their order.
struct CachedTeacherRows: Sendable {
  private let cache: TeacherCache
  /// All rows, where the method is sparse.
  private let sparse: [TeacherCacheRow]
  /// Else where each of them is: the sequence, and which of its counted tokens it is.
  private let places: [(sequence: Int, row: Int)]

  init(_ cache: TeacherCache, _ batch: TokenBatch) {
    precondition(batch.sequences.count == batch.batchSize, "a batch that was not cut from a text has no cached teacher")
    self.cache = cache
    var (sparse, places): ([TeacherCacheRow], [(sequence: Int, row: Int)]) = ([], [])
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
