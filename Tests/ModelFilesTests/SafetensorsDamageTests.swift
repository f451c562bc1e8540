import Diagnostics
import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import ModelFiles

/// Damaged files: each is a typed error, none a crash.
@Suite struct SafetensorsDamageTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func error(_ bytes: [UInt8]) throws -> ModelFileError? {
    let url = try folder.write(bytes, to: "file")
    do {
      _ = try SafetensorsFile(contentsOf: url)
      return nil
    } catch { return error }
  }

  func error(_ header: String, data: Int) throws -> ModelFileError? {
    try error(safetensors(header: header.utf8, data: [UInt8](repeating: 0, count: data)))
  }

  /// The error for one tensor "x" of 24 bytes with these fields.
  func error(dtype: String = "\"F32\"", shape: String = "[2,3]", offsets: String = "[0,24]") throws -> ModelFileError? {
    try error(#"{"x":{"dtype":\#(dtype),"shape":\#(shape),"data_offsets":\#(offsets)}}"#, data: 24)
  }

  var path: String { folder.file("file").path }
  /// Where errors place what is said of the tensor.
  var place: String { "\(path): tensor x" }

  @Test func theUndamagedFileIsFine() throws {
    #expect(try error() == nil)
    #expect(try error("{}", data: 0) == nil)
  }

  @Test func headerLengths() throws {
    #expect(try error([]) == .file(.pastEnd(file: path, byteOffset: 0, byteCount: 8, fileSize: 0)))
    #expect(try error([2, 0, 0]) == .file(.pastEnd(file: path, byteOffset: 0, byteCount: 8, fileSize: 3)))
    #expect(
      try error(safetensors(header: "{}".utf8, data: [], length: 3))
        == .file(.pastEnd(file: path, byteOffset: 8, byteCount: 3, fileSize: 10)))
    #expect(
      try error(safetensors(header: "{}".utf8, data: [], length: 100_000_000))
        == .file(.pastEnd(file: path, byteOffset: 8, byteCount: 100_000_000, fileSize: 10)))
    for length: UInt64 in [100_000_001, 1 << 63, .max] {
      #expect(
        try error(safetensors(header: "{}".utf8, data: [], length: length))
          == .headerTooLong(file: path, byteCount: length, limit: 100_000_000))
    }
  }

  @Test(arguments: ["", "[]", "7", "{", #"{"x"}"#, #"{"x":}"#, "{} {}", "\u{0}{}"])
  func headersThatAreNoObject(header: String) throws {
    guard case .file(.invalidJSON(path, _, _)) = try error(header, data: 0) else {
      Issue.record("\(header) gave \(String(describing: try error(header, data: 0)))")
      return
    }
  }

  @Test func headersThatAreNotUTF8() throws {
    let bytes = safetensors(header: Array(#"{""#.utf8) + [0xFF] + Array(#"":1}"#.utf8), data: [])
    #expect(try error(bytes) == .file(.invalidJSON(file: path, byteOffset: 4, reason: "a string is not UTF-8")))
  }

  @Test func duplicateNames() throws {
    let tensor = #"{"dtype":"U8","shape":[1],"data_offsets":[0,1]}"#
    #expect(try error("{\"x\":\(tensor),\"x\":\(tensor)}", data: 1) == .file(.duplicateKey(file: path, key: "x")))
    #expect(try error("{\"x\":\(tensor),\"\\u0078\":\(tensor)}", data: 1) == .file(.duplicateKey(file: path, key: "x")))
  }

  @Test(arguments: ["\"F33\"", "\"f32\"", "\"\"", "32", "null"]) func unknownTypes(type: String) throws {
    guard case .value(let value) = try error(dtype: type), value.place == place, value.key == "dtype",
      value.found == type
    else {
      Issue.record("\(type) gave \(String(describing: try error(dtype: type)))")
      return
    }
  }

  @Test(arguments: [
    "[-2,-3]", "[-1]", "[2.0,3]", "6", "[\"6\"]", "null", "[4294967296,4294967296,0]", "[9223372036854775807,6]",
    "[99999999999999999999]",
  ])
  func impossibleShapes(shape: String) throws {
    guard case .value(let value) = try error(shape: shape), value.place == place, value.key == "shape" else {
      Issue.record("\(shape) gave \(String(describing: try error(shape: shape)))")
      return
    }
  }

  @Test(arguments: ["[2,2]", "[7]", "[]", "[0]"]) func shapesThatDoNotFillTheirBytes(shape: String) throws {
    guard case .value(let value) = try error(shape: shape), value.place == place, value.key == "data_offsets",
      value.found == "24"
    else {
      Issue.record("\(shape) gave \(String(describing: try error(shape: shape)))")
      return
    }
    #expect(value.expected.contains("bytes for F32"))
  }

  @Test(arguments: ["[24,0]", "[-24,0]", "[0]", "[0,8,24]", "[0,24.0]", "{}", "null"])
  func impossibleOffsets(offsets: String) throws {
    guard case .value(let value) = try error(offsets: offsets), value.place == place, value.key == "data_offsets" else {
      Issue.record("\(offsets) gave \(String(describing: try error(offsets: offsets)))")
      return
    }
  }

  @Test(arguments: ["[0,25]", "[8,32]", "[9223372036854775783,9223372036854775807]"])
  func offsetsPastTheEnd(offsets: String) throws {
    guard case .file(.pastEnd(path, _, _, _)) = try error(offsets: offsets) else {
      Issue.record("\(offsets) gave \(String(describing: try error(offsets: offsets)))")
      return
    }
  }

  @Test func missingFields() throws {
    for (fields, key) in [
      (#""shape":[1],"data_offsets":[0,1]"#, "dtype"), (#""dtype":"U8","data_offsets":[0,1]"#, "shape"),
      (#""dtype":"U8","shape":[1]"#, "data_offsets"),
    ] {
      guard case .value(let value) = try error("{\"x\":{\(fields)}}", data: 1), value.place == place, value.key == key,
        value.found == "nothing"
      else {
        Issue.record("no error for a missing \(key)")
        continue
      }
    }
  }

  /// The reference implementation lets other fields of a tensor pass.
  @Test func unknownFieldsAreLetPass() throws {
    let fields = #""dtype":"U8","shape":[1],"data_offsets":[0,1],"colour":"red""#
    #expect(try error("{\"x\":{\(fields)}}", data: 1) == nil)
  }

  func two(_ first: (Int, Int), _ second: (Int, Int), data: Int) throws -> ModelFileError? {
    let tensor = { (name: String, offsets: (Int, Int)) in
      #""\#(name)":{"dtype":"U8","shape":[\#(offsets.1 - offsets.0)],"data_offsets":[\#(offsets.0),\#(offsets.1)]}"#
    }
    return try error("{\(tensor("a", first)),\(tensor("b", second))}", data: data)
  }

  @Test func overlapsHolesAndRests() throws {
    #expect(try two((0, 4), (4, 6), data: 6) == nil)
    #expect(try two((4, 6), (0, 4), data: 6) == nil)
    #expect(try two((0, 4), (4, 4), data: 4) == nil)
    #expect(try two((0, 4), (3, 6), data: 6) == .overlappingTensors(file: path, first: "a", second: "b"))
    #expect(try two((0, 4), (0, 4), data: 4) == .overlappingTensors(file: path, first: "a", second: "b"))
    #expect(try two((0, 6), (1, 2), data: 6) == .overlappingTensors(file: path, first: "a", second: "b"))
    guard case .unusedBytes(path, let from, let to) = try two((0, 3), (4, 6), data: 6) else {
      Issue.record("a hole was accepted")
      return
    }
    #expect(to - from == 1)
    guard case .unusedBytes(path, _, _) = try two((1, 4), (4, 6), data: 6) else {
      Issue.record("a hole at the start was accepted")
      return
    }
    guard case .unusedBytes(path, let end, let size) = try two((0, 4), (4, 6), data: 9) else {
      Issue.record("bytes after the last tensor were accepted")
      return
    }
    #expect(size - end == 3)
    guard case .file(.pastEnd(path, _, 2, _)) = try two((0, 4), (4, 6), data: 5) else {
      Issue.record("a truncated file was accepted")
      return
    }
  }

  /// A small whole file, for the fuzz.
  func wholeFile() throws -> [UInt8] {
    let url = folder.file("whole")
    let writer = try SafetensorsWriter(replacing: url, tensors: [("a.weight", [2, 2]), ("b", [3])], type: .bfloat16)
    try writer.append([1, 2, 3, 4].span, to: "a.weight")
    try writer.append([5, 6, 7].span, to: "b")
    try writer.commit()
    return Array(try Data(contentsOf: url))
  }

  /// What loads must also be readable.
  func loadOrTypedError(_ bytes: [UInt8]) throws {
    let url = try folder.write(bytes, to: "file")
    do {
      let file = try SafetensorsFile(contentsOf: url)
      for entry in file.entries where entry.type.weightType != nil {
        #expect(try file.floats(entry.name).count == entry.count)
      }
    } catch { #expect(error.description.hasPrefix(url.path)) }
  }

  @Test func everyFlippedHeaderByteLoadsOrIsATypedError() throws {
    let whole = try wholeFile()
    for index in 0..<whole.count - 14 {
      for mask: UInt8 in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
        var bytes = whole
        bytes[index] ^= mask
        try loadOrTypedError(bytes)
      }
    }
  }

  @Test func everyTruncationIsATypedError() throws {
    let whole = try wholeFile()
    for count in 0..<whole.count {
      #expect(try error(Array(whole.prefix(count))) != nil, "\(count) of \(whole.count) bytes were accepted")
    }
    #expect(try error(whole + [0]) != nil)
  }
}
