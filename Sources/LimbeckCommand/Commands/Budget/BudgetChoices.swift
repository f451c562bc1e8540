import Distillation
import Foundation
import TensorCore
import Yams

/// What was chosen within a budget, and why.
struct BudgetChoices {
  /// One choice.
  struct Choice: Encodable {
    let name, value, reason: String
  }

  private(set) var all: [Choice]
  private let steps: BudgetSteps

  /// Those that the measurements decide.
  init(_ steps: BudgetSteps) {
    self.steps = steps
    let (record, plan) = (steps.record, steps.plan)
    all = [
      Self.vocabulary(record), Self.size(record, plan), Self.beginning(record),
      Self.precision(record, backend: steps.settings.device.backend),
      Self.learningRate(plan), Self.batchSize(plan),
    ]
  }

  /// Says them all.
  func tell(_ console: Console) { for choice in all { Self.tell(choice, console) } }

  /// Adds those that the pilots decide, and says them.
  mutating func decide(
    _ decision: BudgetDecision, pilots: [BudgetOutcome], control: BudgetOutcome, _ console: Console
  ) {
    let run = decision.run
    let perplexities = pilots.map { "\(Format.fixed(exp($0.natsPerToken), 2)) with \($0.run.hardLabelWeight)" }
    let found = [
      Choice(
        name: "hard-label-weight", value: "\(run.hardLabelWeight)",
        reason: "perplexities of the pilots: \(perplexities.joined(separator: ", ")), "
          + "\(Format.fixed(exp(control.natsPerToken), 2)) without a teacher"),
      Choice(
        name: "steps", value: Format.count(run.steps),
        reason: run.isCutShort
          ? "\(Format.fixed(run.passes, 0)) passes over the text, after which it is learnt by heart; there was time "
            + "for more"
          : "\(Format.fixed(run.passes, 2)) passes over the text, by the pilots' speed in the time that is left"),
      Choice(
        name: "cache-while-distilling", value: run.isCached ? "yes" : "no",
        reason: run.isCached
          ? "the text is read more than once, and the teacher then runs in the first pass alone"
          : "the text is not read often enough, or the teacher costs less than a cache"),
      Choice(
        name: "weight-decay", value: "\(run.weightDecay)",
        reason: run.weightDecay > 0.1
          ? "the text itself is learnt in more than 5 passes" : "AdamW's usual one"),
    ]
    for choice in found { Self.tell(choice, console) }
    all += found
  }

  private static func tell(_ choice: Choice, _ console: Console) {
    console.write("\(choice.name): \(choice.value): \(choice.reason)")
  }

  /// The recipe of the student's run, with all reasons.
  func recipe(_ run: BudgetedRun) throws -> Data {
    let output = steps.settings.output
    let comments =
      [
        "In \(FileManager.default.currentDirectoryPath):",
        "limbeck distill --recipe \(steps.settings.path("recipe.yaml").shellQuoted) --output NEW",
        "makes the student of \(output) again, to the same bits. Chosen for --budget "
          + "\(steps.settings.budget.defaultValueDescription):",
      ] + all.map { "\($0.name): \($0.value): \($0.reason)" }
    let lines = comments.flatMap { $0.split(whereSeparator: \.isNewline) }.map { "# \($0)\n" }
    let settings =
      steps.settings(of: run, evaluations: BudgetPlan.evaluations)
      + (steps.settings.device.backend.map { [("backend", [$0.rawValue])] } ?? [])
    let values = settings.map { key, values in
      (Node(key), values.count == 1 ? Node(values[0]) : Node(values.map { Node($0) }))
    }
    return Data((lines.joined() + (try Yams.serialize(node: Node(values), allowUnicode: true))).utf8)
  }
}

extension BudgetChoices {
  private static func vocabulary(_ record: BudgetRecord) -> Choice {
    let isReduced = record.vocabulary < record.wholeVocabulary
    let reason =
      isReduced
      ? "the text needs no others, and embedding and head would be more than half of the student"
      : record.vocabularyRemark.map { "fewer would do, but \($0)" }
        ?? "fewer pay only where they are most of the student, and the text uses less than half of them"
    return Choice(
      name: "vocabulary",
      value: Format.count(record.vocabulary) + (isReduced ? " of \(Format.count(record.wholeVocabulary))" : "")
        + " tokens", reason: reason)
  }

  private static func size(_ record: BudgetRecord, _ plan: BudgetPlan) -> Choice {
    let weights = "\(Format.count(plan.student.weights)) weights"
    let why =
      switch (plan.readsEnough, plan.choice) {
      case (true, 0): "the largest that is tried"
      case (true, _): "the largest that reads the text three times, or 20 tokens a weight"
      case (false, _): "the smallest that is tried, for none reads the text three times"
      }
    let value: String
    var reason = record.starts.count == 1 ? "the only one that is possible" : why
    switch record.starts[plan.choice] {
    case .cut(let layers, let hiddenSize, _):
      let kept = layers.map(String.init).joined(separator: ", ")
      value =
        "\(weights), layers \(kept) of the teacher" + (hiddenSize.map { " with \($0) of its channels" } ?? "")
      reason += "; a student cut out of its teacher is better than a fresh one"
    case .fresh:
      value = "\(weights), random ones"
      reason +=
        "; the teacher cannot be cut"
        + (record.teacherLayers < 4
          ? ": it has \(Format.count(record.teacherLayers, "layer")), and 4 are needed" : "")
    }
    return Choice(name: "student", value: value, reason: reason)
  }

  private static func beginning(_ record: BudgetRecord) -> Choice {
    let gain = record.beginningGain.map { gain in
      "behind BOS the teacher predicts the text by \(Format.fixed(abs(gain), 3)) nats a token "
        + (gain < 0 ? "worse" : "better")
    }
    return Choice(
      name: "BOS", value: record.leavesOutBOS ? "not in front of sequences" : "in front of sequences",
      reason: gain ?? "the tokenizer has none")
  }

  private static func precision(_ record: BudgetRecord, backend: MatrixBackendKind?) -> Choice {
    Choice(
      name: "precision", value: record.precision,
      reason: record.precision == ProductPrecision.float32.rawValue
        ? (backend.map { "--backend \($0.rawValue) leaves AVX512_BF16 out" } ?? "no AVX512_BF16 here")
          + ", without which bf16 is slower"
        : "AVX512_BF16 trains 1.8 times as fast as float32")
  }

  private static func batchSize(_ plan: BudgetPlan) -> Choice {
    let reason =
      plan.batchSize == 8
      ? "as the study's" : "of 8 there would be fewer than 400 steps, or less than a quarter of the text in each"
    return Choice(
      name: "batch-size", value: "\(plan.batchSize) of \(plan.measured.sequenceLength) tokens", reason: reason)
  }

  private static func learningRate(_ plan: BudgetPlan) -> Choice {
    Choice(
      name: "learning-rate", value: "\(plan.firstPilot.learningRate)",
      reason: "0.6 by \(plan.student.hiddenSize) channels, the best of the study's students within a factor of two")
  }
}
