import Diagnostics
public import LanguageModels
import TensorCore

/// Students beside their teacher, token by token: statistics of the same tokens of the same windows (see `Perplexity`).
///
/// `TeacherStudentComparison` sums this up; a `DistillationReport` shows a passage of it.
public struct TokenComparison: Sendable {
  /// The text.
  public let text: EvaluationText
  /// W: the tokens of a window.
  public let window: Int
  /// The scores of each student, in the order they were given in.
  public let students: [PairedScores]

  /// Compares students with a teacher.
  /// - Parameters:
  ///   - teacher: the model that the students are to be like; nothing is recorded for gradients.
  ///   - students: at least one, each with as many outputs as the teacher and, which only the caller can tell, with the
  ///     same tokenizer.
  ///   - text: at least two tokens that count. Windows begin with its BOS, or that of the teacher's configuration.
  ///   - window: W, the tokens of a window, at most the context length of each model.
  ///   - stride: S, from 1 to W; W by default, disjoint windows.
  ///   - batchSize: how many windows are computed together; by default as many as have 4,096 tokens.
  ///   - progress: called after each batch of windows.
  /// - Throws: `EvaluationError` for a student with another vocabulary, a text of which none or a single token counts,
  ///   a window, stride or batch size that cannot be, a missing BOS, a token outside the vocabulary, or a model that
  ///   gives NaN or no probability at all.
  public init(
    teacher: any DecoderModel, students: [any DecoderModel], on text: EvaluationText, window: Int,
    stride: Int? = nil,
    batchSize: Int? = nil, progress: (EvaluationProgress) -> Void = { _ in }
  ) throws(EvaluationError) {
    precondition(!students.isEmpty, "a comparison needs at least one student")
    let names = students.indices.map { students.count == 1 ? "the student" : "student \($0 + 1)" }
    for (name, student) in zip(names, students) {
      let (expected, found) = (teacher.configuration.vocabularySize, student.configuration.vocabularySize)
      guard expected == found else {
        throw .value(InvalidValue(name, "vocab_size", expected: "the teacher's \(expected)", found: "\(found)"))
      }
    }
    let windows = try EvaluationWindows(
      text, window: window, stride: stride, batchSize: batchSize,
      models: [("the teacher", teacher)] + zip(names, students).map { ($0, $1) })
    let teacher = teacher.frozen()
    let frozen = students.map { $0.frozen() }
    var scores = students.map { _ in PairedScores(count: windows.scoredTokens) }
    var meter = ProgressMeter(totalTokens: windows.scoredTokens)
    for group in windows.groups(batchSize: batchSize) {
      let batch = windows.batch(group)
      let target = teacher.projection(of: teacher.hiddenStates(batch.ids, batchSize: batch.windowCount))
      for (index, student) in frozen.enumerated() {
        let hidden = student.hiddenStates(batch.ids, batchSize: batch.windowCount)
        let batchScores = student.projection(of: hidden).mapLogits(
          rows: batch.rows, teacher: TeacherProjection(target)
        ) { row, student, teacher, scratch in
          PairedScore(of: batch.targets[row], student: &student, teacher: &teacher, scratch: &scratch)
        }
        for (position, score) in zip(batch.positions, batchScores) {
          try text.requireFinite(score.teacherNats, "loss", of: "the teacher", position: position)
          try text.requireFinite(score.studentNats, "loss", of: names[index], position: position)
          try text.requireFinite(score.divergence, "KL divergence", of: names[index], position: position)
          scores[index].set(score, at: position)
        }
        if index == 0 { progress(meter.adding(batchScores.map(\.studentNats))) }
      }
    }
    self.text = text
    self.window = window
    self.students = scores
  }
}
