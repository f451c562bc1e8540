import LanguageModels
import ModelTraining
import TensorCore

/// What is computed of a batch: whom it is learnt from, and the passes of both sides.
extension LiveTeacherObjective {
  /// Sequences, and whom the student learns them from.
  struct TeacherBatch {
    let batch: TokenBatch
    let teachers: [FrozenTeacher]
  }

  /// What a batch comes to, at a step that may draw its teacher, or without one. Parts are computed one after another,
  /// as micro-batches are.
  func teacherBatches(of batch: TokenBatch, drawnAt position: StepPosition?) -> [TeacherBatch] {
    switch choice {
    case .mixture: return [TeacherBatch(batch: batch, teachers: teachers)]
    case .onePerStep:
      guard let position else { return [TeacherBatch(batch: batch, teachers: teachers)] }
      let drawn = TeacherChoice.drawn(by: teachers.map(\.weight), at: position)
      return [TeacherBatch(batch: batch, teachers: [teachers[drawn]])]
    case .byPart(let indices):
      let parts = batch.parts.isEmpty ? Array(repeating: 0, count: batch.batchSize) : batch.parts
      precondition(
        parts.allSatisfy(indices.indices.contains),
        "sequences of parts \(parts), of which \(indices.count) have a teacher")
      return teachers.indices.compactMap { teacher in
        let places = (0..<batch.batchSize).filter { indices[parts[$0]] == teacher }
        guard !places.isEmpty else { return nil }
        return TeacherBatch(
          batch: places.count == batch.batchSize ? batch : batch.sequences(places), teachers: [teachers[teacher]])
      }
    }
  }

  /// The sums, and `scale` × the gradients of the last tensors, which are added to the pass.
  func sums(
    _ student: any DecoderModel, _ part: TeacherBatch, _ objective: DistillationObjective, _ position: StepPosition,
    scale: Double, _ backward: BackwardPass, _ recording: TeacherCacheRecording?
  ) -> LossSums {
    let (batch, rows) = (part.batch, part.batch.countedRows)
    let pass = forward(student, part, objective, position)
    let recording = recording.flatMap { $0.needs(batch) ? $0 : nil }
    let encoder = recording.flatMap { $0.encoder.method.keepsStates ? nil : $0.encoder }
    let found = pass.student.mapLogits(rows: rows, teacher: pass.teacher, backward: backward) {
      index, student, teacher, scratch in
      var kept: TeacherCacheRow?
      if let encoder {
        let (place, position) = Int(rows[index]).quotientAndRemainder(dividingBy: batch.length)
        RowKernels.copy(teacher.span, into: &scratch)
        kept = encoder.row(logits: &scratch, sequence: batch.sequences[place], position: position)
      }
      let terms = objective.evaluate(
        label: Int(batch.targets[Int(rows[index])]), student: &student, teacher: &teacher, scratch: &scratch,
        scale: Float(scale))
      return LearntToken(terms: terms, kept: kept)
    }
    if encoder != nil {
      recording?.take(batch, rows: found.map(\.kept))
    } else {
      recording?.take(batch, states: pass.projections[0].projection.hidden)
    }
    return LossSums(found.map(\.terms), alignment: align(pass, part, position, scale: scale, backward))
  }

  /// What a step finds at one token.
  private struct LearntToken {
    let terms: DistillationObjective.Terms
    /// What a cache keeps of the teacher's distribution, where one is made of distributions.
    let kept: TeacherCacheRow?
  }

  /// The sums without gradients. A mixture at another temperature than 1 is mixed once more at 1, for what is told of
  /// the distributions.
  func measure(
    _ student: any DecoderModel, _ part: TeacherBatch, _ objective: DistillationObjective, _ position: StepPosition
  ) -> LossSums {
    let rows = part.batch.countedRows
    let pass = forward(student, part, objective, position)
    let found = pass.student.mapLogits(rows: rows, teacher: pass.teacher) { index, student, teacher, scratch in
      MeasuredToken(
        distributions: pass.teacher.isAtEveryTemperature
          ? DistributionPair(teacher: teacher.span, student: student.span, scratch: &scratch) : nil,
        terms: objective.evaluate(
          label: Int(part.batch.targets[Int(rows[index])]), student: &student, teacher: &teacher, scratch: &scratch,
          scale: nil))
    }
    var sums = LossSums(found.map(\.terms), alignment: align(pass, part, position, scale: 1, nil))
    if pass.teacher.isAtEveryTemperature {
      sums.add(found.compactMap(\.distributions))
    } else {
      let atOne = TeacherProjection(mixing: pass.projections, temperature: 1)
      sums.add(
        pass.student.mapLogits(rows: rows, teacher: atOne) { _, student, teacher, scratch in
          DistributionPair(teacher: teacher.span, student: student.span, scratch: &scratch)
        })
    }
    return sums
  }

  /// The sum of what is compared inside of the models, and its gradients where there is a pass to add them to.
  private func align(
    _ pass: ForwardPass, _ part: TeacherBatch, _ position: StepPosition, scale: Double, _ backward: BackwardPass?
  ) -> Double? {
    guard let inside = pass.inside else { return nil }
    return inside.alignment.evaluate(
      student: (inside.student.final, inside.student.recorder),
      teacher: (inside.teacher.final, inside.teacher.recorder), on: part.batch, at: position, scale: scale,
      backward: backward)
  }

  /// What both sides compute of a batch.
  private struct ForwardPass {
    let student: VocabularyProjection
    let projections: [(projection: VocabularyProjection, weight: Float)]
    let teacher: TeacherProjection
    let inside: Inside?
  }

  /// What is computed inside of one side.
  private struct Side {
    let final: Tensor
    let recorder: ActivationRecorder
  }

  /// What is compared inside of both.
  private struct Inside {
    let alignment: HiddenStateAlignment
    let student, teacher: Side
  }

  private func forward(
    _ student: any DecoderModel, _ part: TeacherBatch, _ objective: DistillationObjective, _ position: StepPosition
  ) -> ForwardPass {
    let batch = part.batch
    let alignment = alignment(at: position)
    let recorders = alignment.map { (student: $0.studentRecorder(), teacher: $0.teacherRecorder()) }
    let projections = part.teachers.enumerated().map { index, teacher in
      let hidden = teacher.source.states(of: batch, observe: index == 0 ? recorders?.teacher.observe : nil)
      return (projection: teacher.source.outputHead.projection(of: hidden), weight: teacher.weight)
    }
    let hidden = student.hiddenStates(batch.ids, lengths: batch.segments) { recorders?.student.observe($0, $1) }
    let inside: Inside? =
      if let alignment, let recorders {
        Inside(
          alignment: alignment,
          student: Side(final: student.normalizedStates(hidden), recorder: recorders.student),
          teacher: Side(
            final: part.teachers[0].source.outputHead.normalizedStates(projections[0].projection.hidden),
            recorder: recorders.teacher))
      } else {
        nil
      }
    return ForwardPass(
      student: student.projection(of: hidden), projections: projections,
      teacher: TeacherProjection(mixing: projections, temperature: objective.temperature), inside: inside)
  }
}
