import Distillation
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

/// Values and gradients of all terms, in student and projections, against PyTorch in float64.
@Suite struct HiddenStateParityTests {
  @Test(arguments: MatrixBackendKind.available) func termsAndGradientsEqualPyTorch(kind: MatrixBackendKind) throws {
    let models = try ModelFixture("distillation")
    let folder = ModelFixture.root.appendingPathComponent("hidden_states")
    let tensors = try SafetensorsFile(contentsOf: folder.appendingPathComponent("expected.safetensors"))
    let values = try JSONDecoder().decode(
      [String: Double].self, from: Data(contentsOf: folder.appendingPathComponent("expected.json")))
    let device = try Device(threads: 2, backend: kind)
    let teacher = try FrozenDecoder(contentsOf: models.folder.appendingPathComponent("teacher"), device: device)
    let student = try TransformerDecoder(
      contentsOf: models.folder.appendingPathComponent("student"), device: device)
    let batch = TokenBatch(
      ids: models.expected.flatIDs, targets: models.expected.targets, batchSize: models.expected.batchSize)
    let scale = 1 / Double(batch.countedTokens)

    func objective(cosine: Schedule, meanSquare: Schedule, relation: Schedule) throws -> LiveTeacherObjective {
      let terms = HiddenStateTerms(
        pairs: [LayerPair(teacher: .layer(0), student: .embedding), LayerPair(teacher: .layer(1), student: .last)],
        cosineWeight: cosine, meanSquareWeight: meanSquare,
        relationPair: LayerPair(teacher: .layer(0), student: .layer(0)), relationWeight: relation, relationHeads: 4)
      let alignment = try HiddenStateAlignment(
        terms, teacher: teacher.configuration, student: student.configuration, seed: 1, on: device)
      for (index, projection) in (alignment.parameters?.parameters ?? []).enumerated() {
        let weights = try tensors.floats("projection.\(index)")
        projection.value.withMutableSpan { span in for i in span.indices { span[i] = weights[i] } }
      }
      return LiveTeacherObjective(
        teachers: [(teacher, 1)],
        ScheduledObjective(.forwardKL, temperature: 2, hardLabelWeight: 0, softLabelWeight: 0),
        alignment: alignment)
    }

    for (name, one) in [
      ("cosine", try objective(cosine: 1, meanSquare: 0, relation: 0)),
      ("mean_square", try objective(cosine: 0, meanSquare: 1, relation: 0)),
      ("relation", try objective(cosine: 0, meanSquare: 0, relation: 1)),
    ] {
      let found = try #require(one.measure(student, on: batch, at: .only).perToken.terms[.alignment])
      #expect(abs(found / (try #require(values[name])) - 1) < 2e-6, "\(name)")
    }

    let all = try objective(cosine: 0.7, meanSquare: 0.4, relation: 1.5)
    let sums = all.accumulateGradients(of: student, on: batch, at: .only, scale: scale)
    #expect(abs(sums.perToken.loss / (try #require(values["total"])) - 1) < 2e-6)
    for weight in try student.namedWeights {
      let expected = try tensors.floats("grad.\(weight.name)").map(Double.init)
      let error = relativeError(try #require(weight.parameter.gradient).array(), expected)
      #expect(error < 1e-4, "\(weight.name): \(error)")
    }
    let projections = try #require(all.parameters).parameters
    #expect(projections.count == 2)
    for (index, projection) in projections.enumerated() {
      let expected = try tensors.floats("projection.\(index).grad").map(Double.init)
      #expect(relativeError(try #require(projection.gradient).array(), expected) < 1e-4)
    }
  }
}
