import Distillation
import Foundation
import LanguageModels
import Limbeck
import ModelFiles

/// A student that may be distilled within a budget.
struct BudgetCandidate {
  let configuration: DecoderConfiguration
  let start: BudgetStart

  /// Whether channels or neurons are cut out of the teacher's.
  var isNarrow: Bool {
    if case .cut(_, let hiddenSize, let feedForwardSize) = start {
      hiddenSize != nil || feedForwardSize != nil
    } else {
      false
    }
  }

  /// Parts of the teacher's weights, for fresh students.
  private static let freshShares = [2, 4, 8, 16]

  /// Those of a teacher, the largest first: cut out of it or, where it cannot be cut, fresh ones. What this machine
  /// cannot train is left out, if there is anything else.
  static func all(of teacher: LanguageModel, sequenceLength: Int) throws -> [BudgetCandidate] {
    let configuration = teacher.configuration
    var candidates = StudentPlan.budgetCandidates(of: configuration, isPossible: isPossible).map { plan in
      let sizes = plan.configuration
      return BudgetCandidate(
        configuration: sizes,
        start: .cut(
          layers: plan.layers, hiddenSize: sizes.hiddenSize == configuration.hiddenSize ? nil : sizes.hiddenSize,
          feedForwardSize: sizes.feedForwardSize == configuration.feedForwardSize ? nil : sizes.feedForwardSize))
    }
    if candidates.isEmpty { candidates = fresh(teacher, sequenceLength: sequenceLength) }
    let fitting = candidates.filter { candidate in
      let bytes = DecoderConfiguration.trainingBytesPerWeight
      return UInt64(candidate.configuration.weightCount ?? .max) < ProcessInfo.processInfo.physicalMemory
        / UInt64(2 * bytes)
    }
    return fitting.isEmpty ? candidates.suffix(1) : fitting
  }

  /// The sizes of those that are cut out of a teacher, the largest first.
  static func shapes(of teacher: DecoderConfiguration) -> [DecoderConfiguration] {
    StudentPlan.budgetCandidates(of: teacher, isPossible: isPossible).map(\.configuration)
  }

  /// Whether the teacher's family can have these sizes.
  private static func isPossible(_ configuration: DecoderConfiguration) -> Bool {
    (try? configuration.huggingFaceJSON(weightType: .float32)) != nil
  }

  private static func fresh(_ teacher: LanguageModel, sequenceLength: Int) -> [BudgetCandidate] {
    var candidates: [BudgetCandidate] = []
    for share in freshShares {
      let name = "\(max(1, (teacher.configuration.weightCount ?? .max) / share / 1_000))K"
      guard let size = ModelSize(name) else { continue }
      let configuration = DecoderConfiguration(
        parameters: size.parameters, vocabularySize: teacher.configuration.vocabularySize,
        contextLength: sequenceLength, tokenizer: teacher.tokenizer)
      if candidates.contains(where: { $0.configuration == configuration }) { continue }
      candidates.append(BudgetCandidate(configuration: configuration, start: .fresh(size: name)))
    }
    return candidates
  }
}
