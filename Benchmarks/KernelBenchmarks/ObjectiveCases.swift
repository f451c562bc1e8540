import Distillation
import TensorCore
import Tokenization

extension KernelCase {
  /// One row of the objective with its gradient: forward KL at τ = 2 and half the cross-entropy.
  static let objectives: [KernelCase] = [8_192, 32_000].map { vocabularySize in
    KernelCase(name: "objective of one row, V = \(vocabularySize)", work: .elements(vocabularySize)) {
      var random = Inputs()
      let (student, teacher) = (random.values(vocabularySize), random.values(vocabularySize))
      let objective = DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5)
      var (studentRow, teacherRow, scratch) = (student, teacher, student)
      return {
        // the objective overwrites its rows; copying them back is a few per cent of its time
        studentRow.replaceSubrange(0..., with: student)
        teacherRow.replaceSubrange(0..., with: teacher)
        var studentSpan = studentRow.mutableSpan
        var teacherSpan = teacherRow.mutableSpan
        var scratchSpan = scratch.mutableSpan
        _ = objective.evaluate(
          label: 7, student: &studentSpan, teacher: &teacherSpan, scratch: &scratchSpan, scale: 1)
      }
    }
  }

  /// Both heads of the reference step, block by block, with the objective and all gradients; and the student's alone
  /// without work on the rows, which leaves the matrix products: first the logits, then also the gradient of the hidden
  /// states, then also that of the head.
  static let heads: [KernelCase] = ProductPrecision.allCases.flatMap { precision in
    [wholeHeads(precision)]
      + [
        studentHead("student's logits", precision, trains: .nothing, products: 1),
        studentHead("student's logits, hidden gradient", precision, trains: .hidden, products: 2),
        studentHead("student's logits, hidden and head gradients", precision, trains: .both, products: 3),
      ]
  }

  private static func wholeHeads(_ precision: ProductPrecision) -> KernelCase {
    let (tokens, vocabularySize) = (ReferenceSizes.tokens, ReferenceSizes.vocabularySize)
    let (student, teacher) = (ReferenceSizes.studentChannels, ReferenceSizes.teacherChannels)
    return KernelCase(
      name: "heads, objective, gradients, \(precision.rawValue)",
      work: .multiplyAdds(tokens * vocabularySize * (3 * student + teacher), precision)
    ) {
      var random = Inputs()
      let trained = random.trainable([tokens, student], [vocabularySize, student])
      let projection = VocabularyProjection(hidden: trained[0], head: .dense(trained[1]), precision: precision)
      let frozen = VocabularyProjection(
        hidden: random.tensor([tokens, teacher]), head: .dense(random.tensor([vocabularySize, teacher])),
        precision: precision)
      let objective = DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5)
      return {
        _ = projection.mapLogits(rows: allRows, teacher: TeacherProjection(frozen), backward: BackwardPass()) {
          index, student, teacher, scratch in
          objective.evaluate(
            label: index, student: &student, teacher: &teacher, scratch: &scratch, scale: 1 / Float(tokens))
        }
      }
    }
  }

  private enum Trained {
    case nothing, hidden, both
  }

  private static func studentHead(
    _ name: String, _ precision: ProductPrecision, trains trained: Trained, products: Int
  ) -> KernelCase {
    let (tokens, vocabularySize) = (ReferenceSizes.tokens, ReferenceSizes.vocabularySize)
    let channels = ReferenceSizes.studentChannels
    return KernelCase(
      name: "\(name), \(precision.rawValue)",
      work: .multiplyAdds(products * tokens * vocabularySize * channels, precision)
    ) {
      var random = Inputs()
      let hidden = random.tensor([tokens, channels])
      let head =
        trained == .both
        ? random.trainable([vocabularySize, channels])[0] : random.tensor([vocabularySize, channels])
      let projection = VocabularyProjection(hidden: hidden, head: .dense(head), precision: precision)
      return trained == .nothing
        ? { _ = projection.mapLogits(rows: allRows) { _, _, _, _ in } }
        : { _ = projection.mapLogits(rows: allRows, backward: BackwardPass()) { _, _, _, _ in } }
    }
  }

  private static let allRows = (0..<Int32(ReferenceSizes.tokens)).map { $0 }

  /// One update of the reference student's weights.
  static let adamW = KernelCase(name: "AdamW", work: .elements(5_355_504, bytesEach: 28)) {
    var random = Inputs()
    let store = random.store([[5_355_504]])
    let (first, second) = (Tensor.zeros([store.count], on: .shared), Tensor.zeros([store.count], on: .shared))
    let step = AdamWStep(
      learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, number: 1, gradientScale: 1)
    return { store.apply(step, firstMoment: first, secondMoment: second) }
  }

  /// Text of made-up words through a small tokenizer trained on it; 256 texts at once, so that all cores work.
  static let tokenizer = KernelCase(name: "tokenizer, encode", work: .elements(SampleText.byteCount)) {
    let texts = SampleText.texts
    let options = TokenizerTrainingOptions(vocabularySize: 600, threads: 1)
    do {
      let tokenizer = try TokenizerTrainer(options).train(on: texts)
      return { _ = tokenizer.encode(texts) }
    } catch {
      preconditionFailure("the sample text gave no tokenizer: \(error)")
    }
  }
}

/// Text without a file: words of random syllables, the same in every run.
private enum SampleText {
  static let texts: [String] = {
    var generator = SeededGenerator(seed: 1)
    let syllables = ["ka", "lo", "min", "ter", "a", "su", "ren", "dol", "vi", "est", "on", "qua"]
    return (0..<256).map { _ in
      (0..<200).map { _ in
        (0..<Int.random(in: 1...4, using: &generator)).map { _ in
          syllables[Int.random(in: syllables.indices, using: &generator)]
        }.joined()
      }.joined(separator: " ")
    }
  }()
  static let byteCount = texts.reduce(0) { $0 + $1.utf8.count }
}
