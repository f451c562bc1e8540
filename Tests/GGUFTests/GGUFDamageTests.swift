import DurableFiles
import Foundation
import GGUF
import TestSupport
import Testing

/// Each field of a header, damaged: one sentence that names file and field.
@Suite struct GGUFDamageTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let sound = GGUFSample(
    [("general.architecture", .string("llama")), ("list", .strings(["a", "b"]))],
    [
      GGUFSample.Tensor("a", [4, 2], data: Array(repeating: 1, count: 32)),
      GGUFSample.Tensor("b", [32, 2], type: 8, data: Array(repeating: 1, count: 68)),
    ])

  /// The sentence about a file, without its path.
  func sentence(_ bytes: [UInt8]) throws -> String {
    let file = try folder.write(bytes, to: "m.gguf")
    let error = #expect(throws: GGUFError.self) { try GGUFFile(contentsOf: file) }
    let text = "\(try #require(error))"
    #expect(text.hasPrefix(file.path + ": "))
    return String(text.dropFirst(file.path.count + 2))
  }

  func sentence(_ change: (inout GGUFSample) -> Void) throws -> String {
    var sample = Self.sound
    change(&sample)
    return try sentence(sample.bytes)
  }

  @Test func aSoundFileOpens() throws {
    #expect(try GGUFFile(contentsOf: folder.write(Self.sound.bytes, to: "m.gguf")).tensors.count == 2)
  }

  @Test func magicAndVersion() throws {
    #expect(
      try sentence { $0.magic = Array("GGML".utf8) }
        == "the first four bytes: expected GGUF, found others; it is no GGUF file")
    #expect(try sentence([]).hasPrefix("the first four bytes"))
    #expect(try sentence { $0.version = 1 } == "version: expected 2 or 3, found 1; convert the model again")
    #expect(try sentence { $0.version = 4 } == "version: expected 2 or 3, found 4")
    #expect(try sentence { $0.version = 0 } == "version: expected 2 or 3, found 0")
    #expect(
      try sentence { $0.version = UInt32(3).byteSwapped }.hasPrefix(
        "version: expected 2 or 3, little-endian, found 3, big-endian; convert it"))
  }

  @Test("Counts that the file cannot hold", arguments: [100, 1 << 31, UInt64(Int.max), .max])
  func counts(count: UInt64) throws {
    #expect(try sentence { $0.tensorCount = count }.hasPrefix("tensor count: expected at most "))
    #expect(try sentence { $0.valueCount = count }.hasPrefix("metadata count: expected at most "))
    #expect(
      try sentence { $0.values[1].value = .array(of: 8, [], count: count) }
        .hasPrefix("list: length: expected at most "))
    #expect(
      try sentence { $0.values[1].value = .array(of: 12, [], count: count) }
        .hasPrefix("list: length: expected at most "))
  }

  @Test func countsThatAreTooSmallOrLarge() throws {
    // what follows is then read as something else
    #expect(throws: GGUFError.self) { try open { $0.tensorCount = 1 } }
    #expect(throws: GGUFError.self) { try open { $0.tensorCount = 3 } }
    #expect(throws: GGUFError.self) { try open { $0.valueCount = 1 } }
    #expect(throws: GGUFError.self) { try open { $0.valueCount = 3 } }
  }

  private func open(_ change: (inout GGUFSample) -> Void) throws -> GGUFFile {
    var sample = Self.sound
    change(&sample)
    return try GGUFFile(contentsOf: folder.write(sample.bytes, to: "m.gguf"))
  }

  @Test func keys() throws {
    #expect(
      try sentence { $0.values[0].key = [] } == "key 0: expected a name of 1 to 65535 bytes of UTF-8, found 0 bytes")
    #expect(try sentence { $0.values[0].key = [0xFF] }.hasPrefix("key 0: expected a name"))
    let long = Array(repeating: UInt8(0x61), count: 65_536)
    #expect(try sentence { $0.values[0].key = long }.hasPrefix("key 0: expected a name"))
    #expect(try sentence { $0.values[1].key = $0.values[0].key } == "the name general.architecture occurs twice")
  }

  @Test func values() throws {
    #expect(
      try sentence { $0.values[0].value.type = 13 }
        == "general.architecture: expected a value of a known type (0 to 12), found type 13")
    #expect(
      try sentence { $0.values[1].value = .array(of: 9, []) }
        == "list: expected an array of values, found an array of arrays")
    #expect(
      try sentence { $0.values[0].value = .init(type: 10, bytes: GGUFSample.bytes(UInt64.max)) }
        == "general.architecture: expected an integer below 2^63, found a larger one")
    for length in [1 << 40, UInt64(Int.max), .max] {
      #expect(
        try sentence { $0.values[0].value = .init(type: 8, bytes: GGUFSample.bytes(length)) }
          .contains("it is truncated or damaged"))
    }
    #expect(
      try sentence { $0.values[1].value = .array(of: 8, [GGUFSample.bytes(UInt64(1) << 50)]) }
        .contains("it is truncated or damaged"))
  }

  @Test("An alignment that cannot be", arguments: [UInt32(0), 3, 33, (1 << 31), .max])
  func alignment(_ alignment: UInt32) throws {
    #expect(
      try sentence { $0.values.append((Array("general.alignment".utf8), .uint32(alignment))) }
        .hasPrefix("general.alignment: expected "))
  }

  @Test func anAlignmentBeyondTheFileIsNoPlace() throws {
    #expect(
      try sentence { $0.values.append((Array("general.alignment".utf8), .uint32(1 << 30))) }
        .contains("found only"))
    #expect(
      try sentence { $0.values.append((Array("general.alignment".utf8), .string("32"))) }
        .hasPrefix("general.alignment: expected an integer"))
  }

  @Test func tensors() throws {
    #expect(try sentence { $0.tensors[1].name = [] }.hasPrefix("tensor 1: expected a name of 1 to 63 bytes"))
    #expect(
      try sentence { $0.tensors[0].name = Array(repeating: 0x61, count: 64) }
        == "tensor 0: expected a name of 1 to 63 bytes of UTF-8, found 64 bytes")
    #expect(try sentence { $0.tensors[1].name = $0.tensors[0].name } == "the name a occurs twice")
    #expect(
      try sentence { $0.tensors[0].name = Array("a\u{1B}[31m".utf8) }
        == #"tensor 0: expected a name without control characters, found "a\u001b[31m""#)
    #expect(try sentence { $0.tensors[0].dimensions = [] } == "tensor a: expected 1 to 4 dimensions, found 0")
    #expect(
      try sentence { $0.tensors[0].dimensions = [1, 1, 1, 1, 8] } == "tensor a: expected 1 to 4 dimensions, found 5")
    #expect(try sentence { $0.tensors[0].dimensions = [0, 2] }.hasPrefix("tensor a: expected dimensions from 1 to"))
    #expect(try sentence { $0.tensors[0].dimensions = [4, .max] }.hasPrefix("tensor a: expected dimensions from 1 to"))
    let most = UInt64(Int.max)
    #expect(
      try sentence { $0.tensors[0].dimensions = [most, most] }.hasPrefix("tensor a: expected a size that can be"))
    #expect(try sentence { $0.tensors[0].dimensions = [4, 1 << 40] }.contains("found only"))
    for type in [4, 5, 31, 36, 42, UInt32.max] {
      #expect(
        try sentence { $0.tensors[0].type = type } == "tensor a: expected a type that is known, found type \(type)")
    }
    #expect(
      try sentence { $0.tensors[0].type = 12 }
        == "tensor a: expected rows of a multiple of 256 elements, for it is Q4_K, and a size that can be, "
        + "found shape [2, 4]")
  }

  @Test("Offsets that leave a hole or overlap", arguments: [0, 16, 31, 33, 64, UInt64(Int.max), .max])
  func offsets(offset: UInt64) throws {
    #expect(
      try sentence { $0.tensors[1].offset = offset }
        == "tensor b: expected the offset 32, where the tensor before it ends, found \(offset)")
    guard offset > 0 else { return }
    #expect(try sentence { $0.tensors[0].offset = offset }.hasPrefix("tensor a: expected the offset 0"))
  }

  @Test func aFileOfAnySmallerSizeIsCutShort() throws {
    let bytes = Self.sound.bytes
    for count in 4..<bytes.count {
      #expect(throws: GGUFError.self, "\(count) bytes") {
        try GGUFFile(contentsOf: folder.write(bytes.prefix(count), to: "m.gguf"))
      }
    }
  }

  @Test func bytesBehindTheLastTensorAreDamage() throws {
    #expect(
      try sentence { $0.tail = Array(repeating: 0, count: 32) }
        .hasSuffix("where the last tensor ends, found \(Self.sound.bytes.count + 32); it is damaged"))
    #expect(try sentence { $0.tail = Array(repeating: 0, count: 1 << 16) }.hasPrefix("size: expected"))
  }

  @Test func aPointerOfGitLFSIsNamed() throws {
    let pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "0", count: 64))\nsize 1\n"
    #expect(try sentence(Array(pointer.utf8)).contains("git lfs pull"))
    let absent = folder.file("none.gguf")
    #expect(throws: GGUFError.file(.missing(file: absent.path, advice: "check the path"))) {
      try GGUFFile(contentsOf: absent)
    }
  }
}
