import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import GGUF

/// Against gguf-py's files: Tests/Fixtures/make_gguf_writer_fixture.py.
@Suite struct GGUFWriterTests {
  static let tensors: [GGUFWriter.Tensor] = [
    .init(name: "one", type: .f32, shape: [5]), .init(name: "two", type: .f16, shape: [2, 3]),
    .init(name: "three", type: .q8_0, shape: [2, 32]),
  ]
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func fixture(_ name: String) -> URL {
    Folders.project.appendingPathComponent("Tests/Fixtures/gguf_writer/\(name).gguf")
  }

  private func write(
    _ metadata: [(key: String, value: GGUFWrittenValue)], alignment: Int = GGUFWriter.usualAlignment
  ) throws -> Data {
    let url = folder.file("written-\(alignment).gguf")
    let writer = try GGUFWriter(replacing: url, metadata: metadata, tensors: Self.tensors, alignment: alignment)
    try append((0..<5).map { Float($0) }, to: "one", of: writer)
    // part by part
    for row in 0..<2 { try append((0..<3).map { Float16(row * 3 + $0) }, to: "two", of: writer) }
    #expect(!FileManager.default.fileExists(atPath: url.path))
    try append((0..<68).map { UInt8($0) }, to: "three", of: writer)
    try writer.commit()
    return try Data(contentsOf: url)
  }

  private func append(_ elements: [some BitwiseCopyable], to name: String, of writer: GGUFWriter) throws {
    try writer.append(elements.span.bytes, to: name)
  }

  private static let values: [(key: String, value: GGUFWrittenValue)] = [
    ("general.architecture", .string("llama")), ("llama.block_count", .uint32(2)), ("an.int32", .int32(-3)),
    ("an.uint64", .uint64(1 << 40)), ("a.float", .float32(0.1)), ("a.bool", .bool(true)),
    ("a.string", .string("Käse")),
    ("tokenizer.ggml.tokens", .strings(["<unk>", "a", "▁b", "", "cd"].map { Array($0.utf8) })),
    ("tokenizer.ggml.scores", .float32s([0, -1, -2.5, -3, -4])),
    ("tokenizer.ggml.token_type", .int32s([2, 1, 1, 1, 1])),
  ]

  @Test func filesAreThoseOfTheirWriter() throws {
    #expect(try write(Self.values) == Data(contentsOf: fixture("plain")))
    #expect(try write(Self.values, alignment: 64) == Data(contentsOf: fixture("aligned")))
  }

  @Test(arguments: ["plain", "aligned"]) func valuesAreCopiedAsTheyAre(name: String) throws {
    let file = try GGUFFile(contentsOf: fixture(name))
    let copy = try write(file.metadata.stored.map { ($0.key, .stored($0)) }, alignment: file.alignment)
    #expect(try copy == Data(contentsOf: fixture(name)))
  }

  @Test func someElementsOfAnArray() throws {
    let file = try GGUFFile(contentsOf: fixture("plain"))
    let chosen = try ["tokens", "scores", "token_type"].map { name in
      let key = "tokenizer.ggml.\(name)"
      let array = try file.metadata.array(key)
      return (key, GGUFWrittenValue.elements(of: try #require(array), places: [0, 2, 3]))
    }
    _ = try write(chosen)
    let metadata = try GGUFFile(contentsOf: folder.file("written-32.gguf")).metadata
    #expect(
      try metadata.array("tokenizer.ggml.tokens")?.strings == [Array("<unk>".utf8), Array("▁b".utf8), []])
    #expect(try metadata.array("tokenizer.ggml.scores")?.floats == [0, -2.5, -3])
    #expect(try metadata.array("tokenizer.ggml.token_type")?.integers == [2, 1, 1])
  }

  @Test func nothingIsThereBeforeTheEnd() throws {
    do {
      let writer = try GGUFWriter(replacing: folder.file("a.gguf"), metadata: [], tensors: Self.tensors)
      #expect(!FileManager.default.fileExists(atPath: folder.file("a.gguf").path))
      withExtendedLifetime(writer) {}
    }
    #expect(try folder.names == [])
  }
}
