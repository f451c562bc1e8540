import Distillation
import LanguageModels
import TensorCore

/// `limbeck student --json`
struct StudentReport: Encodable {
  /// A student's sizes.
  struct Shape: Encodable {
    let layers: [Int]
    let hiddenSize, feedForwardSize, headCount, keyValueHeadCount: Int

    init(_ plan: StudentPlan) {
      let sizes = plan.configuration
      (layers, hiddenSize, feedForwardSize) = (plan.layers, sizes.hiddenSize, sizes.feedForwardSize)
      (headCount, keyValueHeadCount) = (sizes.headCount, sizes.keyValueHeadCount)
    }
  }

  /// A shape that was tried within a budget.
  struct Trial: Encodable {
    let shape: Shape
    /// In the unit of the budget.
    let cost: Double
    /// Nats per token on held-out text, after the cut and after so many steps; nil where they are no number.
    let lossAfterCut, loss: Double?
    let steps: Int
  }

  /// What the student may cost: the flag of the budget, and its value.
  struct Budget: Encodable {
    let flag: String
    let limit: Double
  }

  let output: String
  let shape: Shape
  let parameters, nonEmbeddingParameters, teacherParameters: Int
  /// Nil where the user gave the sizes.
  let budget: Budget?
  /// The best first; none where the user gave the sizes.
  let trials: [Trial]

  init(_ chosen: ChosenStudent, _ student: TransformerDecoder, of teacher: any DecoderModel, output: String) {
    self.output = output
    shape = Shape(chosen.plan)
    (parameters, nonEmbeddingParameters) = (student.parameters.count, student.nonEmbeddingParameterCount)
    teacherParameters = teacher.parameters.count
    let limit = chosen.budget
    budget = limit.map { Budget(flag: $0.flag, limit: $0.value($0.limit)) }
    trials = chosen.trials.map { trial in
      Trial(
        shape: Shape(trial.plan), cost: limit.map { $0.value($0.cost(trial.plan.configuration)) } ?? 0,
        lossAfterCut: trial.lossAfterCut.isFinite ? trial.lossAfterCut : nil,
        loss: trial.loss.isFinite ? trial.loss : nil, steps: trial.steps)
    }
  }
}
