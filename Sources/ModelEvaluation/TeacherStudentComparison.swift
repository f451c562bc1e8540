public import LanguageModels

/// How close students come to a teacher: statistics over the same tokens of the same windows (see `Perplexity`).
///
/// p is the teacher's distribution, q a student's, x the true token. The definitions are those of llama.cpp's
/// `llama-perplexity --kl-divergence`, but for its leaving out tokens with ln p < −16.
public struct TeacherStudentComparison: Codable, Sendable, Equatable {
  /// How well the teacher predicts the text.
  public var teacher: Perplexity
  /// The students, in the order they were given in.
  public var students: [StudentStatistics]

  /// Compares students with a teacher: the summary of a `TokenComparison`, with its parameters and errors.
  public init(
    teacher: any DecoderModel, students: [any DecoderModel], on text: EvaluationText, window: Int,
    stride: Int? = nil,
    batchSize: Int? = nil, progress: (EvaluationProgress) -> Void = { _ in }
  ) throws(EvaluationError) {
    self.init(
      try TokenComparison(
        teacher: teacher, students: students, on: text, window: window, stride: stride, batchSize: batchSize,
        progress: progress))
  }

  /// Sums up a comparison.
  /// - Parameters:
  ///   - tokens: teacher and students, token by token.
  ///   - control: which of the students learnt without the teacher; the others are told what share of its distance from
  ///     the teacher they closed (`StudentStatistics.gapClosed`).
  public init(_ tokens: TokenComparison, control: Int? = nil) {
    teacher = Perplexity(nats: tokens.students[0].teacherNats, text: tokens.text, seconds: nil)
    students = tokens.students.enumerated().map { index, scores in
      StudentStatistics(
        scores, control: index == control ? nil : control.map { tokens.students[$0] }, text: tokens.text)
    }
  }
}
