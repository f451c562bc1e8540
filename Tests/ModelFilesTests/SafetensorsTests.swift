import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import ModelFiles

@Suite struct SafetensorsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func open(_ header: String, data: Int) throws -> SafetensorsFile {
    try SafetensorsFile(
      contentsOf: folder.write(safetensors(header: header.utf8, data: [UInt8](repeating: 0, count: data)), to: "file"))
  }

  func write(_ tensors: [(String, [Int], [Float])], type: WeightType) throws -> SafetensorsFile {
    let url = folder.file("written-\(type)")
    let writer = try SafetensorsWriter(replacing: url, tensors: tensors.map { ($0.0, $0.1) }, type: type)
    for (name, _, values) in tensors { try writer.append(values.span, to: name) }
    try writer.commit()
    return try SafetensorsFile(contentsOf: url)
  }

  @Test(arguments: WeightType.allCases) func whatIsWrittenIsReadBack(type: WeightType) throws {
    let many = (0..<200_000).map { Float($0 % 255) / 8 - 16 }
    let tensors: [(String, [Int], [Float])] = [
      ("b \"quoted\"", [2, 3], [1, -2, 0.5, 3, -0.25, 64]), ("scalar", [], [2]), ("empty", [0, 4], []),
      ("a", [1000, 200], many), ("last empty", [0], []),
    ]
    let file = try write(tensors, type: type)
    // Tensors without bytes have no place of their own in the order of bytes.
    #expect(Set(file.names) == Set(tensors.map(\.0)))
    #expect(file.metadata == ["format": "pt"])
    for (name, shape, values) in tensors {
      #expect(file[name]?.shape == shape)
      #expect(file[name]?.type == TensorType(type))
      #expect(try file.floats(name) == values)
      #expect(try file.weights(name, expecting: shape, on: .shared).dense(on: .shared).array() == values)
    }
    #expect(file["absent"] == nil)
    #expect(throws: ModelFileError.missingTensor(file: file.path, tensor: "absent")) { try file.floats("absent") }
    #expect(
      throws: ModelFileError.wrongShape(file: file.path, tensor: "scalar", expected: [1], found: [])
    ) { try file.weights("scalar", expecting: [1], on: .shared) }
  }

  /// Without rows there are no bytes, and so nothing that limits the other dimensions.
  @Test func aTensorWithoutRowsMayClaimAnyColumns() throws {
    let header = #"{"x":{"dtype":"F32","shape":[0,4611686018427387904,4611686018427387904],"data_offsets":[0,0]}}"#
    let file = try open(header, data: 0)
    #expect(try file.floats("x") == [])
    let shape = [0, 1 << 62, 1 << 62]
    #expect(try file.weights("x", expecting: shape, on: .shared).dense(on: .shared).array() == [])
  }

  @Test func theWriterRoundsToItsType() throws {
    let values: [Float] = [1.000_01, 65_520, .nan, 1e-8]
    let half = try write([("x", [4], values)], type: .float16).floats("x")
    #expect(half[0] == 1 && half[1] == .infinity && half[2].isNaN && half[3] == 0)
    let brain = try write([("x", [4], values)], type: .bfloat16).floats("x")
    #expect(brain[0] == 1 && brain[1] == 65_536 && brain[2].isNaN && abs(brain[3] - 1e-8) < 1e-10)
  }

  @Test func theWritersBytesAreFixedAndAligned() throws {
    let file = try write([("b", [1], [1]), ("a", [2], [2, 3])], type: .float32)
    let header =
      #"{"__metadata__":{"format":"pt"},"b":{"data_offsets":[0,4],"dtype":"F32","shape":[1]},"#
      + #""a":{"data_offsets":[4,12],"dtype":"F32","shape":[2]}}"#
    let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    let data: [UInt8] = [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40]
    #expect(try Data(contentsOf: file.file.url) == Data(safetensors(header: padded.utf8, data: data)))
    #expect(file.names == ["b", "a"])
  }

  @Test func aTensorMayBeWrittenInPieces() throws {
    let url = folder.file("pieces")
    let writer = try SafetensorsWriter(replacing: url, tensors: [("x", [5])])
    try writer.append([1, 2].span, to: "x")
    try writer.append([3, 4, 5].span, to: "x")
    #expect(!FileManager.default.fileExists(atPath: url.path))
    try writer.commit()
    #expect(try SafetensorsFile(contentsOf: url).floats("x") == [1, 2, 3, 4, 5])
  }

  @Test func anAbandonedWriterLeavesNothing() throws {
    do {
      let writer = try SafetensorsWriter(replacing: folder.file("new"), tensors: [("x", [1])])
      try writer.append([1].span, to: "x")
    }
    #expect(try folder.names == [])
  }

  @Test func misalignedFloatsAreConverted() throws {
    let header = #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
    for padding in 0..<4 {
      let bytes = safetensors(
        header: (header + String(repeating: " ", count: padding)).utf8, data: [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
      let file = try SafetensorsFile(contentsOf: folder.write(bytes, to: "file-\(padding)"))
      #expect(try file.weights("x", expecting: [2], on: .shared).dense(on: .shared).array() == [1, 2])
    }
  }

  @Test func aMappedTensorOutlivesItsFile() throws {
    let tensor = try write([("x", [2], [1, 2])], type: .float32).weights("x", expecting: [2], on: .shared)
      .dense(on: .shared)
    #expect(tensor.array() == [1, 2])
  }

  @Test func otherTypesAreKnownButNotWeights() throws {
    let header =
      #"{"ids":{"dtype":"I64","shape":[3],"data_offsets":[0,24]},"#
      + #""q":{"dtype":"F4","shape":[2,3],"data_offsets":[24,27]}}"#
    let file = try open(header, data: 27)
    #expect(file["ids"]?.type == .int64)
    #expect(file["q"]?.type == .float4)
    #expect(throws: ModelFileError.notWeights(file: file.path, tensor: "ids", found: "I64")) { try file.floats("ids") }
  }

  @Test func metadataIsRead() throws {
    #expect(try open(#"{"__metadata__":{"made by":"a test"}}"#, data: 0).metadata == ["made by": "a test"])
    #expect(try open(#"{"__metadata__":null}"#, data: 0).metadata.isEmpty)
    #expect(throws: ModelFileError.self) { try open(#"{"__metadata__":{"made":1}}"#, data: 0) }
    #expect(throws: ModelFileError.self) { try open(#"{"__metadata__":[]}"#, data: 0) }
  }
}
