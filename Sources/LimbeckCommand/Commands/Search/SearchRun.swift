import Distillation
import DurableFiles
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore

/// One student of a search: where it starts, and the run that distils it.
struct SearchRun {
  private let search: Search
  private let plan: StudentPlan
  private let name: String
  /// Where the run is.
  let folder: String

  /// Tokens on which the importance of what a student keeps is measured: enough to rank channels.
  private static let calibrationTokens = 16_384

  init(_ search: Search, number: Int, _ plan: StudentPlan) {
    self.search = search
    self.plan = plan
    name = number < 10 ? "0\(number)" : "\(number)"
    folder = "\(search.output)/run-\(name)"
  }

  /// What came of it; nil while it is not finished.
  var result: SearchResult? {
    get throws {
      guard let manifest = try RunManifest(ofRun: URL(fileURLWithPath: folder, isDirectory: true)),
        let found = manifest.result
      else { return nil }
      return SearchResult(
        folder: folder, plan: plan, parameters: manifest.parameters["total"] ?? 0,
        natsPerToken: found.lastValidation?.crossEntropy ?? .nan)
    }
  }

  /// What came of it where a loss was not finite.
  var diverged: SearchResult {
    SearchResult(
      folder: folder, plan: plan, parameters: plan.configuration.weightCount ?? 0, natsPerToken: .infinity,
      hasDiverged: true)
  }

  /// The calls that make it.
  var steps: [CommandStep] {
    get throws {
      let title = "Run \(name) of \(search.runs): \(Format.count(plan.configuration.weightCount ?? 0)) weights"
      guard search.start == .cut else {
        try writeConfiguration()
        return [distilling(title, from: start)]
      }
      return [cutting(title), distilling("\(title), distilled", from: start)]
    }
  }

  private var start: String { "\(search.output)/start-\(name)" + (search.start == .fresh ? ".json" : "") }

  private func cutting(_ title: String) -> CommandStep {
    let sizes = plan.configuration
    return CommandStep(
      title: "\(title), cut out of the teacher",
      arguments: [
        "student", "--from", search.teacher, "--layers", plan.layers.map(String.init).joined(separator: ","),
        "--hidden-size", "\(sizes.hiddenSize)", "--feed-forward-size", "\(sizes.feedForwardSize)", "--heads",
        "\(sizes.headCount)", "--key-value-heads", "\(sizes.keyValueHeadCount)", "--calibration-text",
      ] + search.text + ["--calibration-tokens", "\(Self.calibrationTokens)", "--quiet"] + search.device.arguments
        + ["--output", start],
      result: "\(start)/model.safetensors")
  }

  /// The sizes of a student that starts from random weights, which are drawn as for a model that is given by its size.
  private func writeConfiguration() throws {
    var configuration = plan.configuration
    configuration.initializerRange = configuration.hiddenSize < 512 ? 0.05 : 0.02
    try AtomicFile.write(
      configuration.huggingFaceJSON(weightType: .float32), to: URL(fileURLWithPath: start))
  }

  private func distilling(_ title: String, from start: String) -> CommandStep {
    let recipe = search.recipe(contextLength: plan.configuration.contextLength)
    let isBegun = somethingExists(at: "\(folder)/run.json")
    let heldOut =
      search.validationText.isEmpty ? ["--validation-share", "0.05"] : ["--validation-text"] + search.validationText
    let settings = [
      "--steps", "\(search.steps)", "--batch-size", "\(recipe.batchSize)", "--sequence-length",
      "\(recipe.sequenceLength)", "--learning-rate", "\(recipe.learningRate)", "--warmup-steps",
      "\(recipe.warmupSteps)", "--seed", "\(recipe.seed)", "--hard-label-weight", "\(search.hardLabelWeight)",
      "--kept-checkpoints", "1",
    ]
    return CommandStep(
      title: title,
      arguments: isBegun
        ? ["distill", "--output", folder, "--resume"]
        : ["distill", "--teacher", search.teacher, "--student", start, "--text"] + search.text + heldOut + settings
          + search.device.arguments + ["--output", folder],
      result: "\(folder)/model.safetensors")
  }
}

/// What came of a run of a search.
struct SearchResult {
  let folder: String
  let plan: StudentPlan
  let parameters: Int
  let natsPerToken: Double
  /// Whether there is no model, for a loss was not finite.
  var hasDiverged = false

  /// The same for the choice of the next shape.
  var trial: ShapeSpread.Trial {
    ShapeSpread.Trial(plan: plan, loss: natsPerToken.isNaN ? .infinity : natsPerToken)
  }
}
