import Foundation
import LanguageModels
import ModelFiles
import TensorCore
import TestSupport
import Testing

/// Against Hugging Face's Llama in float64: see Tests/Fixtures/README.md.
@Suite struct PyTorchParityTests {
  @Test(arguments: ModelFixture.all, MatrixBackendKind.available)
  func logits(_ name: String, kind: MatrixBackendKind) throws {
    let fixture = try ModelFixture(name)
    let decoder = try FrozenDecoder(contentsOf: fixture.folder, device: Device(threads: 2, backend: kind))
    let hidden = decoder.hiddenStates(fixture.expected.flatIDs, batchSize: fixture.expected.batchSize)
    #expect(!hidden.recordsGradient)
    #expect(relativeError(decoder.logits(hidden).array(), try fixture.doubles("logits")) < 1e-5)
  }

  @Test(arguments: ModelFixture.trained, MatrixBackendKind.available)
  func gradientOfEveryTensor(_ name: String, kind: MatrixBackendKind) throws {
    let fixture = try ModelFixture(name)
    let expected = fixture.expected
    let decoder = try TransformerDecoder(
      contentsOf: fixture.folder, device: Device(threads: 2, backend: kind))
    let hidden = decoder.hiddenStates(expected.flatIDs, batchSize: expected.batchSize)
    let targets = expected.targets
    let rows = targets.indices.filter { targets[$0] >= 0 }.map { Int32($0) }
    #expect(rows.count == expected.countedTokens)
    let scale = 1 / Float(rows.count)
    let backward = BackwardPass()
    let losses = decoder.projection(of: hidden)
      .mapLogits(rows: rows, backward: backward) { index, student, _, _ in
        let label = Int(targets[Int(rows[index])])
        let logProbabilities = DoubleReference.logSoftmax((0..<student.count).map { Double(student[$0]) })
        for v in logProbabilities.indices { student[v] = scale * Float(exp(logProbabilities[v])) }
        student[label] -= scale
        return -logProbabilities[label]
      }
    backward.run()
    let loss = try #require(expected.loss)
    #expect(abs(losses.reduce(0, +) / Double(rows.count) / loss - 1) < 1e-6)
    for weight in try decoder.namedWeights {
      let error = relativeError(
        try #require(weight.parameter.gradient).array(), try fixture.doubles("grad.", of: weight))
      #expect(error < 2e-5, "\(weight.name): \(error)")
    }
  }
}
