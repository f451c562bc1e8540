import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import LanguageModels
@testable import ModelFiles

/// Families whose files hold several weights in one tensor, or a weight's rows in another order.
@Suite struct StoredTensorTests {
  /// Query, key and value mixed, as in InternLM2; the gate below what it gates.
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
      case .query: TensorLocation("qkv.\(layer)", rows: [0..<2, 2..<4, 8..<8, 12..<14, 10..<12])
      case .key: TensorLocation("qkv.\(layer)", rows: [9..<10, 4..<7])
      case .value: TensorLocation("qkv.\(layer)", rows: [14..<16, 7..<9])
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
    let tensors = StoredTensor.all(of: Self.configuration.weights) {
      Fused().location(of: $0, in: Self.configuration)
    }
    #expect(tensors.prefix(5).map(\.name) == ["embedding", "qkv.0", "layers.0.output", "gate_up.0", "layers.0.down"])
    #expect(tensors.prefix(5).map(\.shape) == [[7, 8], [16, 8], [8, 8], [6, 8], [8, 3]])
    #expect(tensors[1].parts.map(\.rows) == [0..<4, 4..<7, 7..<9, 9..<10, 10..<12, 12..<14, 14..<16])
    #expect(tensors[1].parts.map(\.start) == [0, 1, 2, 0, 6, 4, 0])
    #expect(tensors[3].parts.map(\.role) == [.layer(0, .matrix(.up)), .layer(0, .matrix(.gate))])
  }

  @Test func rangesThatFollowOneAnotherAreOne() {
    #expect(TensorLocation("a", rows: [3..<4, 4..<4, 4..<7, 8..<9, 0..<1]).rows == [3..<7, 8..<9, 0..<1])
    #expect(TensorLocation("a", rows: 2..<4).rows == [2..<4])
    #expect(TensorLocation("a").rows == nil)
  }

  @Test func aTensorWithRowsThatNobodyHasIsAMistake() async {
    await #expect(processExitsWith: .failure) {
      var short = StoredTensorTests.configuration
      // the values of one more head begin where nobody's rows end
      short.feedForwardSize = 4
      _ = StoredTensor.all(of: short.weights) { Fused().location(of: $0, in: short) }
    }
  }

  /// Values of every type, in matrices and vectors, in an order other than the file's.
  @Test(arguments: WeightType.allCases) func rowsThatLieApartAreReadInTheirOrder(_ type: WeightType) throws {
    let folder = try TemporaryFolder()
    let values = (0..<48).map { Float($0) }
    let file = folder.file("model.safetensors")
    let writer = try SafetensorsWriter(replacing: file, tensors: [("matrix", [6, 8]), ("vector", [48])], type: type)
    try writer.append(values.span, to: "matrix")
    try writer.append(values.span, to: "vector")
    try writer.commit()
    let weights = SafetensorsWeights(try SafetensorsFile(contentsOf: file))
    let rows = [4..<6, 1..<2, 2..<3]
    let expected = Array(values[32..<48] + values[8..<24])
    let matrix = try weights.weights("matrix", rows: rows, expecting: [4, 8], on: .shared)
    #expect(matrix.shape == [4, 8] && matrix.isConstant)
    if case .dense = matrix { #expect(type == .float32) } else { #expect(type != .float32) }
    #expect(matrix.dense(on: .shared).array() == expected)
    // products keep a packed form of 16 bits and give up the file's pages, which a copy has none of
    let ones = Tensor([1, 1, 1, 1, 1, 1, 1, 1], shape: [1, 8], on: .shared)
    for _ in 0..<2 {
      #expect(ones.linear(matrix).array() == (0..<4).map { expected[8 * $0..<8 * $0 + 8].reduce(0, +) })
    }
    #expect(matrix.dense(on: .shared).array() == expected)
    let vector = try weights.weights("vector", rows: [40..<42, 7..<8], expecting: [3], on: .shared)
    #expect(vector.dense(on: .shared).array() == [40, 41, 7])
    var read = [Float](repeating: 0, count: 32)
    var span = read.mutableSpan
    try weights.read("matrix", rows: rows, into: &span)
    #expect(read == expected)
    for (rows, shape) in [([0..<1, 6..<7], [2, 8]), ([0..<1, 3..<4], [3, 8]), ([0..<1, 3..<4], [2, 4])] {
      #expect(throws: ModelFileError.self) { try weights.weights("matrix", rows: rows, expecting: shape, on: .shared) }
    }
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
    let rows = try weights.weights("gate_up", rows: [3..<6], expecting: [3, 8], on: .shared)
    #expect(rows.dense(on: .shared).array() == Array(values[24...]))
    var read = [Float](repeating: 0, count: 16)
    var span = read.mutableSpan
    try weights.read("gate_up", rows: [1..<3], into: &span)
    #expect(read == Array(values[8..<24]))
    #expect(throws: ModelFileError.self) {
      try weights.weights("gate_up", rows: [4..<7], expecting: [3, 8], on: .shared)
    }
    #expect(throws: ModelFileError.self) {
      try weights.weights("gate_up", rows: [3..<6], expecting: [3, 4], on: .shared)
    }
  }
}
