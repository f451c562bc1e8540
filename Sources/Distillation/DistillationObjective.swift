import TensorCore

/// What a student is trained for at each token: λ · cross-entropy + (1 − λ) · τ² · divergence (Hinton et al. 2015).
///
/// The divergence compares both distributions at temperature τ; the cross-entropy with the text's own next token is
/// taken at temperature 1. τ² keeps the size of the soft gradient independent of τ.
public struct DistillationObjective: Sendable {
  /// How far the student's distribution is from the teacher's.
  public let divergence: any Divergence
  /// τ, what the logits of both sides are divided by.
  public let temperature: Float
  /// λ, the weight of the cross-entropy.
  public let hardLabelWeight: Float
  private let isForwardKL: Bool

  /// - Parameters:
  ///   - divergence: how far the student's distribution is from the teacher's.
  ///   - temperature: τ, at least 0.05; 2 by default.
  ///   - hardLabelWeight: λ, in 0...1; ½ by default.
  public init(_ divergence: some Divergence, temperature: Float = 2, hardLabelWeight: Float = 0.5) {
    precondition(temperature >= 0.05 && temperature.isFinite, "temperature must be at least 0.05, not \(temperature)")
    precondition((0...1).contains(hardLabelWeight), "hardLabelWeight must lie in 0...1, not \(hardLabelWeight)")
    self.divergence = divergence
    self.temperature = temperature
    self.hardLabelWeight = hardLabelWeight
    isForwardKL = Self.isForwardKL(divergence)
  }

  /// The objective's terms at one token, in nats.
  public struct Terms: Sendable {
    /// λ · crossEntropy + (1 − λ) · τ² · divergence
    public var total: Double
    /// −log q₁(label), at temperature 1.
    public var crossEntropy: Double
    /// The divergence at temperature τ, not multiplied by τ².
    public var divergence: Double
  }

  /// Evaluates one token from logits [V] and, unless `scale` is nil, leaves scale × the gradient on the student's
  /// logits in their place. The teacher's row and the scratch row are overwritten.
  /// - Parameters:
  ///   - label: the token that followed in the text.
  ///   - student: the student's logits.
  ///   - teacher: the teacher's logits.
  ///   - scratch: a row with unspecified contents.
  ///   - scale: what the gradient is multiplied by; nil where none is wanted.
  /// - Returns: the terms, not multiplied by `scale`.
  public func evaluate(
    label: Int, student: inout MutableSpan<Float>, teacher: inout MutableSpan<Float>,
    scratch: inout MutableSpan<Float>, scale: Float?
  ) -> Terms {
    if isForwardKL {
      return evaluateForwardKL(label: label, student: &student, teacher: &teacher, scratch: &scratch, scale: scale)
    }
    let maximum = RowKernels.maximum(student.span)
    let logSum = RowKernels.logSum(student.span, maximum: maximum, temperature: 1)
    let crossEntropy = Double(logSum) - Double(student[label] - maximum)
    let softLogSum =
      temperature == 1 ? logSum : RowKernels.logSum(student.span, maximum: maximum, temperature: temperature)
    RowKernels.logSoftmax(&student, maximum: maximum, temperature: temperature, logSum: softLogSum)

    let teacherMaximum = RowKernels.maximum(teacher.span)
    let teacherLogSum = RowKernels.logSum(teacher.span, maximum: teacherMaximum, temperature: temperature)
    RowKernels.logSoftmax(&teacher, maximum: teacherMaximum, temperature: temperature, logSum: teacherLogSum)

    let distance = divergence.value(teacher: teacher.span, student: student.span, gradient: &scratch)
    if let scale {
      // d D/d logit = (g − q·Σg)/τ, and times τ² it is τ·(g − q·Σg); d CE/d logit = q₁ − [label]
      RowKernels.logitsGradient(
        student: &student, gradient: scratch.span, gradientSum: Float(RowKernels.sum(scratch.span)),
        softScale: scale * (1 - hardLabelWeight) * temperature, hardScale: scale * hardLabelWeight,
        temperature: temperature, hardShift: temperature * softLogSum - logSum)
      student[label] -= scale * hardLabelWeight
    }
    return terms(crossEntropy: crossEntropy, divergence: distance)
  }

  /// The weighted sum of both terms.
  func terms(crossEntropy: Double, divergence: Double) -> Terms {
    let (hard, soft) = (Double(hardLabelWeight), Double(temperature) * Double(temperature) * divergence)
    // a weight of 0 leaves a term out, even an infinite one
    let total = (hard > 0 ? hard * crossEntropy : 0) + (hard < 1 ? (1 - hard) * soft : 0)
    return Terms(total: total, crossEntropy: crossEntropy, divergence: divergence)
  }
}
