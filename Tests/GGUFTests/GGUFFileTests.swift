import DurableFiles
import Foundation
import GGUF
import TestSupport
import Testing

@Suite struct GGUFFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func open(_ sample: GGUFSample) throws -> GGUFFile {
    try GGUFFile(contentsOf: folder.write(sample.bytes, to: "model.gguf"))
  }

  @Test func valuesOfEveryType() throws {
    let sample = GGUFSample([
      ("uint8", .init(type: 0, bytes: [0xFF])), ("int8", .init(type: 1, bytes: [0xFF])),
      ("uint16", .init(type: 2, bytes: [0xFF, 0xFF])), ("int16", .init(type: 3, bytes: [0xFE, 0xFF])),
      ("uint32", .uint32(.max)), ("int32", .init(type: 5, bytes: [0xFD, 0xFF, 0xFF, 0xFF])),
      ("float32", .float32(0.1)), ("bool", .init(type: 7, bytes: [2])), ("string", .string("né\u{0}")),
      ("uint64", .init(type: 10, bytes: GGUFSample.bytes(UInt64(Int.max)))),
      ("int64", .init(type: 11, bytes: GGUFSample.bytes(Int.min))),
      ("float64", .init(type: 12, bytes: GGUFSample.bytes((0.1).bitPattern))),
      ("strings", .strings(["a", "", "bc"])),
      ("integers", .array(of: 3, [[1, 0], [0xFF, 0xFF]])), ("bools", .array(of: 7, [[0], [1]])),
    ])
    let file = try open(sample)
    let metadata = file.metadata
    let everything = Int.min...Int.max
    for (key, value) in [
      ("uint8", 255), ("int8", -1), ("uint16", 65_535), ("int16", -2), ("uint32", 4_294_967_295), ("int32", -3),
      ("uint64", Int.max), ("int64", Int.min),
    ] {
      #expect(try metadata.integer(key, in: everything) == value)
    }
    #expect(try metadata.number("float32", expected: "") { _ in true } == Double(Float(0.1)))
    #expect(try metadata.number("float64", expected: "") { _ in true } == 0.1)
    #expect(try metadata.bool("bool") == true)
    #expect(try metadata.string("string") == "né\u{0}")
    #expect(try metadata.array("strings")?.strings == [[0x61], [], [0x62, 0x63]])
    #expect(try metadata.array("strings")?.integers == nil)
    #expect(try metadata.array("integers")?.integers == [1, -1])
    #expect(try metadata.array("integers")?.floats == [1, -1])
    #expect(try metadata.array("bools")?.bools == [false, true])
    #expect(try metadata.array("integers")?.bools == nil)
    #expect(try metadata.string("none") == nil)
    #expect(metadata.values.count == 15)
    #expect(throws: GGUFError.self) { try metadata.integer("uint8", in: 0...254) }
    #expect(throws: GGUFError.self) { try metadata.integer("string", in: everything) }
    #expect(throws: GGUFError.self) { try metadata.string("uint8") }
    #expect(throws: GGUFError.self) { try metadata.bool("uint8") }
    #expect(throws: GGUFError.self) { try metadata.array("uint8") }
  }

  @Test("Tensors lie one behind another, aligned", arguments: [UInt32(2), 3], [8, 32, 64])
  func tensors(version: UInt32, alignment: Int) throws {
    var sample = GGUFSample(
      [("general.alignment", .uint32(UInt32(alignment)))],
      [
        GGUFSample.Tensor("a", [3, 2], data: Array(0..<24)),
        GGUFSample.Tensor("b", [32, 1, 2], type: 8, data: Array(repeating: 7, count: 68)),
        GGUFSample.Tensor("c", [1], type: 30, data: [1, 2]),
      ])
    sample.version = version
    sample.alignment = alignment
    let file = try open(sample)
    #expect(file.version == Int(version) && file.alignment == alignment)
    #expect(file.tensors.map(\.name) == ["a", "b", "c"])
    #expect(file.tensors.map(\.shape) == [[2, 3], [2, 1, 32], [1]])
    #expect(file.tensors.map(\.type.name) == ["F32", "Q8_0", "BF16"])
    #expect(file.tensors.map(\.byteRange.count) == [24, 68, 2])
    let start = file.tensors[0].byteRange.lowerBound
    #expect(file.tensors.allSatisfy { ($0.byteRange.lowerBound - start) % alignment == 0 })
    #expect(file["b"]?.type == .q8_0)
    #expect(file["d"] == nil)
    let first = file.file.withBytes { $0.extracting(file.tensors[0].byteRange).withUnsafeBytes { Array($0) } }
    #expect(first == Array(0..<24))
    // the last one may be followed by what aligns another
    sample.tail = Array(repeating: 0, count: alignment - 2 % alignment)
    if alignment > 2 { sample.tail.removeLast() }
    #expect(try open(sample).tensors.count == 3)
  }

  @Test func namesOfTypesAreLlamaCppsOwn() {
    let names = GGUFTensorType.allCases.map(\.name)
    #expect(Set(names).count == GGUFTensorType.allCases.count)
    #expect(["F32", "Q4_K", "IQ4_NL", "MXFP4", "TQ1_0"].allSatisfy(names.contains))
  }
}
