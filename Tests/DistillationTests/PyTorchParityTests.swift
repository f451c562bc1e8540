import Distillation
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

/// Against a PyTorch script in float64: see Tests/Fixtures/README.md.
@Suite struct PyTorchParityTests {
  private struct Objectives: Decodable {
    struct Values: Decodable {
      let soft: Double
      let hard: Double
      let total: Double
    }
    let objectives: [String: Values]
  }

  private static func folder(_ name: String) -> URL {
    ModelFixture.root.appendingPathComponent("distillation").appendingPathComponent(name)
  }

  private func student(on device: Device = .shared) throws -> TransformerDecoder {
    try TransformerDecoder(contentsOf: Self.folder("student"), device: device)
  }

  private func teacher(on device: Device = .shared) throws -> FrozenDecoder {
    try FrozenDecoder(contentsOf: Self.folder("teacher"), device: device)
  }

  @Test(arguments: NamedDivergence.all, MatrixBackendKind.available)
  func valuesAndTheGradientOfEveryTensor(_ named: NamedDivergence, kind: MatrixBackendKind) throws {
    let device = try Device(threads: 2, backend: kind)
    let fixture = try ModelFixture("distillation")
    let data = try Data(contentsOf: fixture.folder.appendingPathComponent("expected.json"))
    let values = try #require(try JSONDecoder().decode(Objectives.self, from: data).objectives["\(named)"])
    let student = try self.student(on: device)
    let objective = LiveTeacherObjective(
      teacher: try teacher(on: device),
      objective: named.objective(temperature: 2, hardLabelWeight: 0.5))
    let batch = TokenBatch(
      ids: fixture.expected.flatIDs, targets: fixture.expected.targets, batchSize: fixture.expected.batchSize)
    let sums = objective.accumulateGradients(
      of: student, on: batch, at: .only, scale: 1 / Double(fixture.expected.countedTokens))

    #expect(sums.tokens == fixture.expected.countedTokens)
    let mean = sums.perToken
    #expect(abs(mean.loss / values.total - 1) < 1e-6)
    #expect(abs(mean.crossEntropy / values.hard - 1) < 1e-6)
    #expect(abs(try #require(mean.terms[.divergence]) / values.soft - 1) < 2e-6)
    for weight in try student.namedWeights {
      let expected = try fixture.doubles("\(named).grad.\(weight.name)")
      let error = relativeError(try #require(weight.parameter.gradient).array(), expected)
      #expect(error < 1e-4, "\(weight.name): \(error)")
    }
    let measured = objective.measure(student.frozen(), on: batch, at: .only)
    #expect(abs(measured.loss / sums.loss - 1) < 1e-9)
  }

  @Test func theTeacherIsLeftAlone() throws {
    let fixture = try ModelFixture("distillation")
    let teacher = try TransformerDecoder(contentsOf: Self.folder("teacher"))
    let before = try #require(teacher.parameters.values).array()
    let objective = LiveTeacherObjective(
      teacher: teacher, objective: DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5))
    let batch = TokenBatch(
      ids: fixture.expected.flatIDs, targets: fixture.expected.targets, batchSize: fixture.expected.batchSize)
    _ = objective.accumulateGradients(of: try student(), on: batch, at: .only, scale: 1)
    #expect(try #require(teacher.parameters.values).array() == before)
    #expect(teacher.parameters.gradientSquareSum() == 0)
  }

  @Test func maskedTokensGiveNothing() throws {
    let student = try self.student()
    let objective = LiveTeacherObjective(
      teacher: try teacher(),
      objective: DistillationObjective(.reverseKL, temperature: 2, hardLabelWeight: 0.5))
    let batch = TokenBatch(ids: [1, 2, 3, 4], targets: [-1, -1, -1, -1], batchSize: 2)
    #expect(objective.accumulateGradients(of: student, on: batch, at: .only, scale: 1) == .zero)
    #expect(student.parameters.gradientSquareSum() == 0)
  }

  /// Shifted and unshifted masks differ here: the label at t is that of the logits at t − 1, and so is its mask.
  @Test func theMaskFollowsTheLabel() throws {
    let student = try self.student()
    let objective = LiveTeacherObjective(
      teacher: try teacher(),
      objective: DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5))
    let all = TokenBatch(ids: [1, 5, 9, 3], targets: [5, 9, 3, -1], batchSize: 1)
    let last = TokenBatch(ids: [1, 5, 9, 3], targets: [-1, -1, 3, -1], batchSize: 1)
    let firstTwo = TokenBatch(ids: [1, 5, 9], targets: [5, 9, -1], batchSize: 1)
    let difference =
      objective.measure(student, on: all, at: .only).loss - objective.measure(student, on: last, at: .only).loss
    #expect(abs(difference - objective.measure(student, on: firstTwo, at: .only).loss) < 1e-5)
    #expect(objective.measure(student, on: last, at: .only).tokens == 1)
  }
}
