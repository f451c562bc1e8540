import LanguageModels
import ModelTraining
import TensorCore

/// What the distributions of teacher and student at one token are like, at temperature 1, whatever is minimised: in
/// nats.
struct DistributionPair: Sendable {
  /// H(p), of the teacher.
  let teacherEntropy: Double
  /// H(q), of the student.
  let studentEntropy: Double
  /// Σ p (log p − log q)
  let klDivergence: Double

  /// From rows of logits [V], which stay as they are. The scratch row is overwritten; two more take memory in turn.
  init(teacher: Span<Float>, student: Span<Float>, scratch: inout MutableSpan<Float>) {
    let (teacherValues, studentValues) = (Self.logProbabilities(teacher), Self.logProbabilities(student))
    let logP = teacherValues.span
    let logQ = studentValues.span
    teacherEntropy = RowKernels.entropy(logP)
    studentEntropy = RowKernels.entropy(logQ)
    klDivergence = RowKernels.forwardKL(teacher: logP, student: logQ, gradient: &scratch)
  }

  /// H of the distribution of a row of logits [V], which stays as it is.
  static func entropy(_ logits: Span<Float>) -> Double { RowKernels.entropy(logProbabilities(logits).span) }

  /// Of a row of logits [V], in memory of its own.
  private static func logProbabilities(_ logits: Span<Float>) -> [Float] {
    var values = [Float](repeating: 0, count: logits.count)
    var row = values.mutableSpan
    RowKernels.copy(logits, into: &row)
    RowKernels.logSoftmax(&row)
    return values
  }
}

/// What validation finds at one token.
struct MeasuredToken {
  /// nil where the teacher's row is of one temperature, and not 1, or holds some tokens alone.
  var distributions: DistributionPair?
  /// H(q) of the student, where nothing more is known.
  var studentEntropy: Double?
  /// What is minimised.
  let terms: DistillationObjective.Terms
}

extension LossSums {
  /// Adds the sums of entropies and KL divergences at temperature 1.
  mutating func add(_ distributions: [DistributionPair]) {
    terms += LossTerms([
      (.klDivergence, distributions.reduce(0) { $0 + $1.klDivergence }),
      (.entropy, distributions.reduce(0) { $0 + $1.studentEntropy }),
      (.teacherEntropy, distributions.reduce(0) { $0 + $1.teacherEntropy }),
    ])
  }
}

extension CrossEntropyObjective {
  /// What a step comes to in which no teacher is asked: `weight` · cross-entropy, of which a weight of 0 moves nothing.
  func accumulateGradients(
    of student: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, weight: Double, scale: Double
  ) -> LossSums {
    guard weight > 0 else {
      let found = measure(student, on: batch, at: position)
      return LossSums(tokens: found.tokens, loss: 0, crossEntropy: found.crossEntropy)
    }
    var sums = accumulateGradients(of: student, on: batch, at: position, scale: scale * weight)
    sums.loss = weight * sums.crossEntropy
    return sums
  }
}
