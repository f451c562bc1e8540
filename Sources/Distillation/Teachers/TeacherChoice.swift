import Diagnostics
import ModelTraining
import TensorCore

/// Which of several teachers the student learns from.
public enum TeacherChoice: Sendable, Equatable {
  /// All of them at once: the weighted mixture of their distributions.
  case mixture
  /// One at each step, drawn with the probability of its weight (Blakeney et al. 2022, arXiv 2211.00683). At one
  /// temperature the expected gradient of the forward KL is that of the mixture; a step costs one teacher. The draw
  /// depends on the run's seed and the number of the step alone. Validation measures the mixture.
  case onePerStep
  /// For each sequence the teacher of the part of the text that it is from: of part p, teacher `teachers[p]`, counted
  /// from 0. What a text's parts are says `PackedSequences.init(parts:name:)`.
  case byPart(teachers: [Int])

  /// The teacher of a step, drawn by its weight, above 0.
  static func drawn(by weights: [Float], at position: StepPosition) -> Int {
    // on-policy steps are drawn with the seed itself
    var generator = SeededGenerator(seed: position.seed ^ 0x7465_6163_6865_72, stream: position.stepOfAllRuns)
    var rest = generator.nextUniform() * weights.reduce(0) { $0 + Double($1) }
    for (index, weight) in weights.enumerated() {
      rest -= Double(weight)
      if rest < 0 { return index }
    }
    return weights.count - 1
  }
}

extension TeacherChoice {
  /// Throws for what goes with no choice of this kind; keys are spelt as on the command line.
  func validate(
    teachers: Int, _ hiddenStates: HiddenStateTerms, _ onPolicy: OnPolicySteps?
  ) throws(InvalidValue) {
    guard self != .mixture else { return }
    if hiddenStates.comparesHiddenStates || hiddenStates.comparesRelations {
      throw InvalidValue(
        "align-layers", expected: "nothing with \(Self.other(self))", found: "terms of hidden states",
        advice: "these compare one teacher with the student, in all steps")
    }
    guard case .byPart(let indices) = self else { return }
    if let index = indices.first(where: { !(0..<teachers).contains($0) }) {
      throw InvalidValue("teacher", expected: "of each part one of 0 to \(teachers - 1)", found: "\(index)")
    }
    if case .prompts? = onPolicy?.prompts {
      throw InvalidValue(
        "prompts", expected: "nothing with \(Self.other(self))", found: "prompts of their own",
        advice: "leave them out: the beginnings of sequences have their texts' teachers")
    }
  }

  /// What a message calls a choice that is no mixture.
  private static func other(_ choice: TeacherChoice) -> String {
    choice == .onePerStep ? "one teacher per step" : "teachers for parts of the text"
  }

  /// Throws where the parts of a text have no teacher.
  func requireFit(_ text: PackedSequences, _ validation: ValidationText?) throws(InvalidValue) {
    guard case .byPart(let indices) = self else { return }
    for (name, count) in [(text.name, text.partCount), (validation?.name, validation?.partCount)] {
      guard let name, let count, count != indices.count else { continue }
      throw InvalidValue(name, "parts", expected: "\(indices.count), each with its teacher", found: "\(count)")
    }
  }
}
