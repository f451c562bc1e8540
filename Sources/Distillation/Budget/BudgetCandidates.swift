public import LanguageModels

extension StudentPlan {
  /// The shapes that a student may be cut to within a budget of time, the largest first: a half, a third and a quarter
  /// of the layers, evenly spread, and all or half of the channels and neurons. Above half of the layers little is
  /// gained; none where the teacher has fewer than four, or where its family can have none of the shapes.
  /// - Parameters:
  ///   - teacher: what they are cut out of.
  ///   - isPossible: whether a model of the teacher's family may have these sizes.
  /// - Returns: the shapes, of two layers at least.
  public static func budgetCandidates(
    of teacher: DecoderConfiguration, isPossible: (DecoderConfiguration) -> Bool
  ) -> [StudentPlan] {
    guard teacher.layerCount >= 4 else { return [] }
    var plans: [StudentPlan] = []
    for (layers, isNarrow) in [(2, false), (3, false), (2, true), (3, true), (4, true)] {
      let plan = try? StudentPlan(
        of: teacher, layers: .count(teacher.layerCount / layers),
        hiddenSize: isNarrow ? half(teacher.hiddenSize) : nil,
        feedForwardSize: isNarrow ? half(teacher.feedForwardSize) : nil)
      guard let plan, plan.layers.count >= 2, isPossible(plan.configuration) else { continue }
      if !plans.contains(where: { $0.configuration == plan.configuration }) { plans.append(plan) }
    }
    return plans.sorted { ($0.configuration.weightCount ?? .max) > ($1.configuration.weightCount ?? .max) }
  }

  /// Half of a size, a multiple of 32 from there on, so that blocks of quantised files fill rows.
  private static func half(_ size: Int) -> Int {
    let half = max(1, size / 2)
    return half < 32 ? half : half / 32 * 32
  }

  /// Whether a vocabulary is worth cutting down: where embedding and head are more than half of the student's weights,
  /// and the text uses less than half of the tokens.
  public static func reducesVocabulary(of student: DecoderConfiguration, usedTokens: Int) -> Bool {
    let vocabulary = student.vocabularySize * student.hiddenSize * (student.tiesEmbeddings ? 1 : 2)
    return vocabulary > (student.weightCount ?? .max) / 2 && usedTokens < student.vocabularySize / 2
  }
}
