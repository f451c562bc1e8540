import Distillation
import Foundation
import Logging
import ModelTraining

/// What a session tells the user.
extension TrainingSession {
  /// How long the run is, in steps and, where it is read, in the text.
  func text(_ text: PackedSequences, _ length: TrainingLength, isRead: Bool) -> String {
    let batches = "\(Format.count(length.steps, "step")) of \(Format.count(length.batchSize, "sequence"))"
    guard isRead else { return batches }
    let epochs = settings.recipe.epochs ?? Double(length.steps) * Double(length.batchSize) / Double(text.count)
    return
      "text: \(Format.count(text.count, "sequence")) of \(Format.count(text.sequenceLength, "token")); \(batches), "
      + "\(Format.fixed(epochs, epochs < 10 ? 2 : 0)) epochs"
  }

  /// Says what the text and the recipe make otherwise than one may expect.
  func warn(of text: PackedSequences, _ length: TrainingLength) {
    let recipe = settings.recipe
    if text.uncountedSequences > 0 {
      log.warning(
        """
        \(text.name): left out \(Format.count(text.uncountedSequences, "sequence")) without a token that counts in the \
        loss, as within long prompts; a larger --sequence-length leaves out fewer
        """)
    }
    if length.batchSize < recipe.batchSize {
      log.warning(
        """
        \(text.name) has \(Format.count(length.batchSize, "sequence")) to learn, fewer than the batch size of \
        \(Format.count(recipe.batchSize)): each step reads the whole text
        """)
    }
    if recipe.warmupSteps > length.steps {
      log.warning(
        """
        the run has \(Format.count(length.steps, "step")), fewer than the \(Format.count(recipe.warmupSteps)) of \
        --warmup-steps: the learning rate rises to the end
        """)
    }
  }

  /// Tokens below which a validation loss is mostly chance: its standard error is about a tenth of a nat.
  private static let fewValidationTokens = 500

  /// Says where a validation text is too short to tell anything.
  func warn(ofValidation text: ValidationText) {
    let count = text.countedTokens
    guard count < Self.fewValidationTokens else { return }
    log.warning(
      """
      \(text.name) has \(Format.count(count, "token")) that \(count == 1 ? "counts" : "count"): its loss is mostly \
      chance; give at least \(Format.count(Self.fewValidationTokens)), better thousands
      """)
  }

  /// The last line of a run, and whether it went wrong.
  func tell(_ summary: TrainingSummary) {
    var facts = [Format.count(summary.steps, "step")]
    if let last = summary.lastStep {
      let first = summary.firstStep.flatMap { $0.step < last.step ? $0 : nil }
      // where only one of both learnt from the text alone, their losses are of different kinds
      let isComparable = first.map { ($0.loss == $0.crossEntropy) == (last.loss == last.crossEntropy) } ?? true
      let (name, value) = isComparable ? ("loss", \StepLoss.loss) : ("cross-entropy", \StepLoss.crossEntropy)
      facts.append(
        "\(name) \(Format.loss(last[keyPath: value]))"
          + (first.map { " (was \(Format.loss($0[keyPath: value])) at step \($0.step))" } ?? ""))
    }
    if let validation = summary.lastValidation {
      facts.append("validation loss \(Format.loss(validation.loss))")
      facts.append("validation perplexity \(Format.fixed(validation.perplexity, 3))")
    }
    facts.append("\(Format.count(summary.tokensSeen, "token")) in \(Format.time(summary.seconds))")
    log.info("wrote \(settings.outputPath): \(facts.joined(separator: ", "))")
    if summary.hasDiverged {
      log.warning(
        """
        diverged: the model ended worse than it began; try a lower --learning-rate than \
        \(settings.recipe.learningRate), or a longer --warmup-steps
        """)
    }
  }

  func show(_ event: TrainingEvent, _ progress: inout ProgressLine, _ evaluation: inout ProgressLine) {
    switch event {
    case .resumed(let step):
      log.info("continuing after step \(step)")
    case .computing:
      break
    case .evaluating(let measured):
      evaluation.show(measured)
    case .step(let step):
      progress.show(
        step.number, of: step.totalSteps, secondsLeft: step.secondsRemaining,
        details: ["loss \(Format.loss(step.loss))", "\(Format.count(Int(step.tokensPerSecond))) tokens/s"])
    case .evaluated(let result):
      let loss = Format.loss(result.loss)
      // a value that is there already, as where one term is all of the loss, is not repeated
      var shown = [loss]
      let terms = (LossTerm.ofDistillation + LossTerm.ofEvaluations).compactMap { term -> String? in
        guard let label = term.label, let value = result.terms[term].map({ Format.loss($0) }), !shown.contains(value)
        else { return nil }
        shown.append(value)
        return ", \(label) \(value)"
      }
      log.info(
        """
        step \(result.step): validation loss \(loss), perplexity \
        \(Format.fixed(result.perplexity, 3))\(terms.joined())
        """)
    case .checkpointed(let step, let url):
      log.debug("step \(step): checkpoint \(url.path)")
    }
  }
}
