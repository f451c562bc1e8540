import DistillationReport
import Foundation
import Limbeck
import ModelEvaluation
import ModelTraining
import TensorCore

/// A model of a report, loaded.
struct ReportEntry {
  let role: ReportedModel.Role
  /// As the user named it.
  let path: String
  /// Where its weights are; nil while its run has no checkpoint.
  let folder: String?
  private let run: ReportedRun?
  /// Nil while its run has no checkpoint.
  let model: LanguageModel?

  /// The model in a folder; of an unfinished run that of its newest checkpoint. Throws what is wrong with its files.
  init(_ role: ReportedModel.Role, _ path: String, _ run: ReportedRun?, on device: Device) throws {
    self.role = role
    self.path = path
    self.run = run
    folder = run.map(\.record.model?.path) ?? path
    model = try folder.map { try LanguageModel(path: $0, on: device) }
  }

  /// Whether it is also measured with rounded weights, where that is asked for.
  var isRounded: Bool { role == .student && model != nil }

  /// What there is to say of it without a text; the speed is that of so many greedy tokens.
  func reported(generating count: Int) -> ReportedModel {
    let facts = model.map { ComparedModel(path, $0, generating: count) }
    return ReportedModel(
      role: role, folder: path, run: run?.record, settings: run?.settings ?? [],
      configuration: model?.configuration,
      size: facts.map {
        .init(
          parameters: $0.parameters, nonEmbeddingParameters: $0.nonEmbeddingParameters, weightBytes: $0.weightBytes,
          generatedTokensPerSecond: $0.generatedTokensPerSecond)
      })
  }
}
