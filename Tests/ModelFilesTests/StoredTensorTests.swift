import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import LanguageModels
@testable import ModelFiles

/// Families whose files hold several weights in one tensor.
@Suite struct StoredTensorTests {
  /// Query, key and value one after another, as in Phi-3; the gate below what it gates.
  struct Fused: Architecture {
    let family = "fused"
    let keys: [String: String] = [:]
    let reads: Set<String> = []

    func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
      StoredTensorTests.configuration
    }

    func members(of configuration: DecoderConfiguration) -> [String: JSONValue] { [:] }

    func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
      guard case .layer(let layer, .matrix(let matrix)) = role else { return TensorLocation("\(role)") }
      return switch matrix {
      case .query: TensorLocation("qkv.\(layer)", rows: 0..<8)
      case .key: TensorLocation("qkv.\(layer)", rows: 8..<12)
      case .value: TensorLocation("qkv.\(layer)", rows: 12..<16)
      case .gate: TensorLocation("gate_up.\(layer)", rows: 3..<6)
      case .up: TensorLocation("gate_up.\(layer)", rows: 0..<3)
      case .output, .down: TensorLocation("\(role)")
      }
    }
  }

  static let configuration = DecoderConfiguration(
    family: "fused", vocabularySize: 7, hiddenSize: 8, feedForwardSize: 3, layerCount: 2, headCount: 2,
    keyValueHeadCount: 1)

  @Test func tensorsAreInTheOrderOfTheirFirstWeights() {
    let tensors = StoredTensor.all(of: Self.configuration.weights, in: Self.configuration, Fused())
    #expect(tensors.prefix(5).map(\.name) == ["embedding", "qkv.0", "layers.0.output", "gate_up.0", "layers.0.down"])
    #expect(tensors.prefix(5).map(\.shape) == [[7, 8], [16, 8], [8, 8], [6, 8], [8, 3]])
    #expect(tensors[1].parts.map(\.rows) == [0..<8, 8..<12, 12..<16])
    #expect(tensors[3].parts.map(\.role) == [.layer(0, .matrix(.up)), .layer(0, .matrix(.gate))])
  }

  /// Both types are used where they are mapped.
  @Test(arguments: [WeightType.float32, .bfloat16]) func rowsAreReadWhereTheyLie(_ type: WeightType) throws {
    let folder = try TemporaryFolder()
    let values = (0..<48).map { Float($0) }
    let writer = try SafetensorsWriter(
      replacing: folder.file("model.safetensors"), tensors: [("gate_up", [6, 8])], type: type)
    try writer.append(values.span, to: "gate_up")
    try writer.commit()
    let weights = SafetensorsWeights(try SafetensorsFile(contentsOf: folder.file("model.safetensors")))
    let rows = try weights.weights("gate_up", rows: 3..<6, expecting: [3, 8], on: .shared)
    #expect(rows.dense(on: .shared).array() == Array(values[24...]))
    var read = [Float](repeating: 0, count: 16)
    var span = read.mutableSpan
    try weights.read("gate_up", rows: 1..<3, into: &span)
    #expect(read == Array(values[8..<24]))
    #expect(throws: ModelFileError.self) {
      try weights.weights("gate_up", rows: 4..<7, expecting: [3, 8], on: .shared)
    }
    #expect(throws: ModelFileError.self) {
      try weights.weights("gate_up", rows: 3..<6, expecting: [3, 4], on: .shared)
    }
  }
}
