import TensorCore

/// What a student is trained for at each token: λ · cross-entropy + (1 − λ) · τ² · divergence (Hinton et al. 2015).
///
/// The divergence compares both distributions at temperature τ; the cross-entropy with the text's own next token is
/// taken at temperature 1. τ² keeps the size of the soft gradient independent of τ. Two more terms are off by default:
/// with a soft weight s and a weight m of the squared difference of the logits S and T of student and teacher, the
/// whole is λ · cross-entropy + w · (s · τ² · divergence + m · mean (S − T)²), w the token's weight.
public struct DistillationObjective: Sendable {
  /// How far the student's distribution is from the teacher's.
  public let divergence: any Divergence
  /// τ, what the logits of both sides are divided by.
  public let temperature: Float
  /// λ, the weight of the cross-entropy.
  public let hardLabelWeight: Float
  /// s, the weight of τ² · divergence: 1 − λ, if nothing else is said.
  public let softLabelWeight: Float
  /// m, the weight of mean (S − T)² over the vocabulary that is masked on neither side (`alpha_mse` of DistilBERT).
  public let logitsMSEWeight: Float
  /// w, how much each token counts in the terms that compare student and teacher.
  public let tokenWeighting: TokenWeighting
  /// Whether any term needs the teacher; else the objective is λ · cross-entropy.
  public let asksTeacher: Bool
  /// The divergence straight from logits, where nothing else needs rows of log-probabilities.
  private let fused: (any FusedDivergence)?

  /// - Parameters:
  ///   - divergence: how far the student's distribution is from the teacher's.
  ///   - temperature: τ, in `allowedTemperatures`; 1 by default.
  ///   - hardLabelWeight: λ, in 0...1, 0 by default; with a weight of the divergence of its own, 0 or more.
  ///   - softLabelWeight: s, 0 or more; nil, the default, for 1 − λ.
  ///   - logitsMSEWeight: m, 0 or more; 0 by default.
  ///   - tokenWeighting: w; 1 for every token by default.
  public init(
    _ divergence: some Divergence, temperature: Float = 1, hardLabelWeight: Float = 0, softLabelWeight: Float? = nil,
    logitsMSEWeight: Float = 0, tokenWeighting: TokenWeighting = .uniform
  ) {
    let allowed = Self.allowedTemperatures
    precondition(allowed.contains(temperature), "temperature must lie in \(allowed), not \(temperature)")
    let most: Float = softLabelWeight == nil ? 1 : .greatestFiniteMagnitude
    precondition(
      (0...most).contains(hardLabelWeight), "hardLabelWeight must lie in 0...\(most), not \(hardLabelWeight)")
    for weight in [softLabelWeight ?? 0, logitsMSEWeight] {
      precondition(weight >= 0 && weight.isFinite, "weights must be 0 or more, not \(weight)")
    }
    self.divergence = divergence
    self.temperature = temperature
    self.hardLabelWeight = hardLabelWeight
    self.softLabelWeight = softLabelWeight ?? 1 - hardLabelWeight
    self.logitsMSEWeight = logitsMSEWeight
    self.tokenWeighting = tokenWeighting
    let divergenceCounts = (divergence as? CombinedDivergence).map { !$0.terms.isEmpty } ?? true
    asksTeacher = self.softLabelWeight > 0 && divergenceCounts || logitsMSEWeight > 0
    fused = logitsMSEWeight == 0 && tokenWeighting == .uniform ? divergence.fused : nil
  }

  /// The objective's terms at one token, in nats.
  public struct Terms: Sendable {
    /// λ · crossEntropy + w · (s · τ² · divergence + m · logitsMSE)
    public var total: Double
    /// −log q₁(label), at temperature 1.
    public var crossEntropy: Double
    /// The divergence at temperature τ, not multiplied by τ².
    public var divergence: Double
    /// mean (S − T)²; 0 where its weight is 0, for then it is not computed.
    public var logitsMSE: Double
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
    if let fused {
      return terms(
        fused.values(
          label: label, teacher: &teacher, student: &student, scratch: &scratch, temperature: temperature,
          gradient: scale.map(gradientWeights)))
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

    let tokenWeight = tokenWeighting.weight(teacher: teacher.span)
    let distance = divergence.value(teacher: teacher.span, student: student.span, gradient: &scratch)
    var logits = (meanSquare: 0.0, count: 0.0)
    if logitsMSEWeight > 0 {
      // log q = (S − maximum)/τ − log-sum, so S − T = τ·(log q − log p) + shift
      logits = RowKernels.logitDifferences(
        teacher: &teacher, student: student.span, temperature: temperature,
        shift: maximum - teacherMaximum + temperature * (softLogSum - teacherLogSum))
    }
    if let scale {
      let softScale = scale * Float(tokenWeight)
      // d D/d logit = (g − q·Σg)/τ, and times τ² it is τ·(g − q·Σg); d CE/d logit = q₁ − [label]
      RowKernels.logitsGradient(
        student: &student, gradient: scratch.span, gradientSum: Float(RowKernels.sum(scratch.span)),
        softScale: softScale * softLabelWeight * temperature, hardScale: scale * hardLabelWeight,
        temperature: temperature, hardShift: temperature * softLogSum - logSum)
      student[label] -= scale * hardLabelWeight
      if logits.count > 0 {
        RowKernels.accumulate(
          &student, adding: teacher.span, times: softScale * logitsMSEWeight * Float(2 / logits.count))
      }
    }
    return terms(
      TokenDivergence(divergence: distance, crossEntropy: crossEntropy), logitsMSE: logits.meanSquare,
      tokenWeight: tokenWeight)
  }

  /// As `evaluate(label:student:teacher:scratch:scale:)`, from a teacher of which only some tokens are known; the
  /// divergence must be one for which these are enough.
  func evaluate(
    label: Int, student: inout MutableSpan<Float>, teacher: SparseDistribution, scratch: inout MutableSpan<Float>,
    scale: Float?
  ) -> Terms {
    guard let sparse = divergence.sparse else {
      preconditionFailure("\(divergence) needs all of the teacher's distribution")
    }
    return terms(
      sparse.values(
        label: label, teacher: teacher, student: &student, scratch: &scratch, temperature: temperature,
        gradient: scale.map(gradientWeights)))
  }

  private func gradientWeights(scale: Float) -> LogitsGradientWeights {
    LogitsGradientWeights(divergence: scale * softLabelWeight, crossEntropy: scale * hardLabelWeight)
  }

  /// The weighted sum of what is found at a token.
  private func terms(_ found: TokenDivergence, logitsMSE: Double = 0, tokenWeight: Double = 1) -> Terms {
    // a weight of 0 leaves a term out, even an infinite one
    func term(_ weight: Double, _ value: Double) -> Double { weight > 0 ? weight * value : 0 }
    let soft = Double(temperature) * Double(temperature) * found.divergence
    let total =
      term(Double(hardLabelWeight), found.crossEntropy) + term(tokenWeight * Double(softLabelWeight), soft)
      + term(tokenWeight * Double(logitsMSEWeight), logitsMSE)
    return Terms(
      total: total, crossEntropy: found.crossEntropy, divergence: found.divergence, logitsMSE: logitsMSE)
  }
}
