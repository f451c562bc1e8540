import DurableFiles
import Foundation
import Glibc
import ModelFiles
import TestSupport
import Testing

@Suite struct MappedFileTests {
  @Test func bytesAndElementsAreTheFiles() throws {
    let folder = try TemporaryFolder()
    let url = try folder.write([1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0x80, 0x3F], to: "numbers")
    let file = try MappedFile(contentsOf: url)
    #expect(file.count == 12)
    #expect(file.withBytes { $0.unsafeLoad(fromByteOffset: 4, as: UInt8.self) } == 2)
    #expect(try file.withSpan(of: UInt32.self, at: 0, count: 2) { [$0[0], $0[1]] } == [1, 2])
    let floats = try file.elements(of: Float.self, at: 8, count: 1)
    #expect(floats.count == 1)
    #expect(floats[0] == 1)
  }

  @Test func elementsOutliveTheFileReference() throws {
    let folder = try TemporaryFolder()
    let url = try folder.write([7, 0, 0, 0], to: "number")
    let numbers = try MappedFile(contentsOf: url).elements(of: Int32.self, at: 0, count: 1)
    try FileManager.default.removeItem(at: url)
    #expect(numbers.withSpan { $0[0] } == 7)
  }

  @Test func releasedPagesTakeNoMemoryUntilTheyAreRead() throws {
    let folder = try TemporaryFolder()
    let bytes = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 >> 12) }
    let url = try folder.write(bytes, to: "large")
    let elements = try MappedFile(contentsOf: url).elements(of: UInt8.self, at: 100, count: bytes.count - 200)
    /// Kilobytes of the mapping that are in memory.
    func resident() throws -> Int {
      let handle = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps"))
      let lines = String(decoding: try #require(try handle.readToEnd()), as: UTF8.self).split(separator: "\n")
      let mapping = try #require(lines.firstIndex { $0.hasSuffix(url.path) })
      let line = try #require(lines[mapping...].first { $0.hasPrefix("Rss:") })
      return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    }
    #expect(elements.array == Array(bytes[100..<bytes.count - 100]))
    #expect(try resident() >= 1000)
    elements.releasePages()
    #expect(try resident() <= 16)
    #expect(elements.array == Array(bytes[100..<bytes.count - 100]))
    elements.file.releasePages()
    #expect(try resident() <= 4)
    #expect(elements.array == Array(bytes[100..<bytes.count - 100]))
  }

  @Test func anEmptyFileHasNoBytes() throws {
    let folder = try TemporaryFolder()
    let file = try MappedFile(contentsOf: folder.write([], to: "empty"))
    #expect(file.count == 0)
    #expect(file.withBytes { $0.byteCount } == 0)
    #expect(try file.withSpan(of: UInt32.self, at: 0, count: 0) { $0.count } == 0)
    #expect(throws: FileError.pastEnd(file: file.path, byteOffset: 0, byteCount: 4, fileSize: 0)) {
      try file.elements(of: UInt32.self, at: 0, count: 1)
    }
  }

  @Test func missingFilesAndFoldersAreTypedErrors() throws {
    let folder = try TemporaryFolder()
    let missing = folder.file("absent")
    #expect(throws: FileError.missing(file: missing.path, advice: "check the path")) {
      try MappedFile(contentsOf: missing)
    }
    #expect(
      throws: FileError.unreadable(
        file: folder.url.path, reason: "a file was expected, but it is a folder")
    ) { try MappedFile(contentsOf: folder.url) }
    #expect(throws: FileError.unreadable(file: "/dev/null", reason: "a regular file was expected")) {
      try MappedFile(contentsOf: URL(fileURLWithPath: "/dev/null"))
    }
  }

  /// Opening one waits for a writer, by default.
  @Test(.timeLimit(.minutes(1))) func aNamedPipeIsRefusedThoughNobodyWritesIntoIt() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.file("pipe")
    try #require(mkfifo(pipe.path, 0o600) == 0)
    #expect(throws: FileError.unreadable(file: pipe.path, reason: "a regular file was expected")) {
      try MappedFile(contentsOf: pipe)
    }
  }

  @Test(arguments: [(0, 4), (4, 3), (16, 0), (-4, 1), (0, -1), (0, Int.max), (Int.max - 3, 1)])
  func regionsPastTheEndAreTypedErrors(offset: Int, count: Int) throws {
    let folder = try TemporaryFolder()
    let file = try MappedFile(contentsOf: folder.write(repeatElement(0, count: 12), to: "file"))
    do {
      _ = try file.elements(of: Float.self, at: offset, count: count)
      Issue.record("\(count) floats at \(offset) of 12 bytes were accepted")
    } catch FileError.pastEnd(let name, let byteOffset, _, let size) {
      #expect(name == file.path)
      #expect(byteOffset == offset)
      #expect(size == 12)
    }
  }

  @Test func misalignedRegionsAreTypedErrors() throws {
    let folder = try TemporaryFolder()
    let file = try MappedFile(contentsOf: folder.write(repeatElement(0, count: 12), to: "file"))
    #expect(throws: FileError.misaligned(file: file.path, byteOffset: 2, alignment: 4)) {
      try file.elements(of: Float.self, at: 2, count: 1)
    }
    #expect(try file.elements(of: UInt8.self, at: 3, count: 9).count == 9)
  }

  @Test func digestsAreSHA256() throws {
    // The digests of "abc" and of nothing, from FIPS 180-4's examples.
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    let folder = try TemporaryFolder()
    #expect(Digest.sha256(of: Data("abc".utf8)) == abc)
    #expect(Digest.sha256(of: [Array("a".utf8), [], Array("bc".utf8)]) == abc)
    #expect(Digest.sha256(of: [[UInt8]]()) == nothing)
    #expect(Digest.sha256(of: try MappedFile(contentsOf: folder.write(Array("abc".utf8), to: "abc"))) == abc)
    #expect(Digest.sha256(of: try MappedFile(contentsOf: folder.write([], to: "empty"))) == nothing)
  }
}
