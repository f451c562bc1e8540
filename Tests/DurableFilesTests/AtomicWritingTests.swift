import Foundation
import Glibc
import TestSupport
import Testing

@testable import DurableFiles
@testable import ModelFiles

@Suite struct AtomicWritingTests {
  @Test func aFileAppearsWhole() throws {
    let folder = try TemporaryFolder()
    let url = try folder.write(Array("old".utf8), to: "file")
    let file = try AtomicFile(replacing: url)
    try file.append([0, 0].span.bytes)
    let large = [UInt8](repeating: 7, count: 3 << 20)
    try file.append(large.span.bytes)
    try file.append(Data("end".utf8))
    try file.overwrite([UInt8(5)].span.bytes, at: 1)
    #expect(file.count == 16 + large.count + 3)
    #expect(try Data(contentsOf: url) == Data("old".utf8))
    try file.commit()
    #expect(try Data(contentsOf: url) == [0, 5] + Data(count: 14) + Data(large) + Data("end".utf8))
    #expect(try folder.names == ["file"])
  }

  @Test func cancellingLeavesTheOldFile() throws {
    let folder = try TemporaryFolder()
    let url = try folder.write(Array("old".utf8), to: "file")
    let file = try AtomicFile(replacing: url)
    try file.append(Data("new".utf8))
    #expect(try folder.names.count == 2)
    file.cancel()
    file.cancel()
    #expect(try folder.names == ["file"])
    #expect(try Data(contentsOf: url) == Data("old".utf8))
  }

  @Test func lettingGoCancels() throws {
    let folder = try TemporaryFolder()
    do {
      let file = try AtomicFile(replacing: folder.file("file"))
      try file.append(Data("new".utf8))
    }
    #expect(try folder.names == [])
  }

  /// The disk is full from some point on: the descriptor is swapped for /dev/full, which refuses every byte.
  @Test(arguments: [false, true]) func aFullDiskLeavesTheOldFile(whenCommitting: Bool) throws {
    let folder = try TemporaryFolder()
    let url = try folder.write(Array("old".utf8), to: "file")
    let file = try AtomicFile(replacing: url)
    let full = open("/dev/full", O_WRONLY)
    try #require(full >= 0)
    dup2(full, file.descriptor)
    close(full)
    #expect(throws: FileError.unwritable(file: url.path, reason: "No space left on device")) {
      // A small piece is gathered, so that only the commit meets the disk.
      try file.append(Data(count: whenCommitting ? 10 : 2 << 20))
      try file.commit()
    }
    #expect(file.descriptor == -1)
    #expect(try folder.names == ["file"])
    #expect(try Data(contentsOf: url) == Data("old".utf8))
  }

  @Test func unwritableFoldersAreTypedErrors() throws {
    let folder = try TemporaryFolder()
    try folder.write([], to: "plain")
    let underFile = folder.file("plain").appendingPathComponent("file")
    #expect(throws: FileError.unwritable(file: underFile.path, reason: "Not a directory")) {
      try AtomicFile(replacing: underFile)
    }
    #expect(throws: FileError.unwritable(file: underFile.path, reason: "Not a directory")) {
      try AtomicFolder(creating: underFile)
    }
    let absent = folder.file("absent").appendingPathComponent("file")
    #expect(throws: FileError.unwritable(file: absent.path, reason: "No such file or directory")) {
      try AtomicFile.write(Data(), to: absent)
    }
    let proc = URL(fileURLWithPath: "/proc/limbeck")
    #expect(throws: FileError.self) { try AtomicFile(replacing: proc) }
    #expect(throws: FileError.self) { try AtomicFolder(creating: proc) }
    #expect(try folder.names == ["plain"])
  }

  @Test func aFolderInTheWayIsATypedError() throws {
    let folder = try TemporaryFolder()
    let inner = folder.file("inner")
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: false)
    #expect(throws: FileError.unwritable(file: inner.path, reason: "Is a directory")) {
      try AtomicFile.write(Data([1]), to: inner)
    }
    #expect(try folder.names == ["inner"])
  }

  @Test func aFolderAppearsWhole() throws {
    let folder = try TemporaryFolder()
    let new = try AtomicFolder(creating: folder.file("new"))
    let inner = new.contents.appendingPathComponent("inner")
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: false)
    try AtomicFile.write(Data("a".utf8), to: new.contents.appendingPathComponent("a"))
    try AtomicFile.write(Data("b".utf8), to: inner.appendingPathComponent("b"))
    #expect(try folder.names != ["new"])
    try new.commit()
    #expect(try folder.names == ["new"])
    #expect(try Data(contentsOf: folder.file("new/a")) == Data("a".utf8))
    #expect(try Data(contentsOf: folder.file("new/inner/b")) == Data("b".utf8))
  }

  @Test func oneFileOfAFolderAppearsInItsPlace() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("a.txt")
    for other in [false, true] {
      let new = try AtomicFolder(creating: url)
      try AtomicFile.write(Data("a".utf8), to: new.contents.appendingPathComponent("a.txt"))
      if other { try Data("b".utf8).write(to: url) }
      guard other else {
        try new.commit(file: "a.txt")
        #expect(try folder.names == ["a.txt"] && Data(contentsOf: url) == Data("a".utf8))
        try FileManager.default.removeItem(at: url)
        continue
      }
      #expect(throws: FileError.exists(file: url.path)) { try new.commit(file: "a.txt") }
      #expect(try folder.names == ["a.txt"] && Data(contentsOf: url) == Data("b".utf8))
    }
  }

  @Test func anExistingDestinationIsRefusedAtBothEnds() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("new")
    let first = try AtomicFolder(creating: url)
    let second = try AtomicFolder(creating: url)
    try first.commit()
    #expect(throws: FileError.exists(file: url.path)) { try second.commit() }
    #expect(throws: FileError.exists(file: url.path)) { try AtomicFolder(creating: url) }
    #expect(try folder.names == ["new"])
  }

  @Test func anAbandonedFolderIsRemoved() throws {
    let folder = try TemporaryFolder()
    do {
      let new = try AtomicFolder(creating: folder.file("new"))
      try AtomicFile.write(Data("a".utf8), to: new.contents.appendingPathComponent("a"))
    }
    let cancelled = try AtomicFolder(creating: folder.file("new"))
    cancelled.cancel()
    #expect(try folder.names == [])
  }

  @Test func whatKilledProcessesLeftIsRemoved() throws {
    let folder = try TemporaryFolder()
    // A process id beyond Linux's greatest (2^22), so that it cannot be running.
    let dead = ".model.safetensors.99999999-abc.partial"
    try folder.write([1], to: dead)
    let deadFolder = ".step-10.99999999-abc.partial"
    try FileManager.default.createDirectory(at: folder.file(deadFolder), withIntermediateDirectories: false)
    try folder.write([1], to: deadFolder + "/config.json")
    let others = [".hidden", ".partial", ".x.partial", "a.99999999-abc.partial", ".x.0-a.partial", ".x.-1-a.partial"]
    for name in others { try folder.write([1], to: name) }
    let running = try AtomicFile(replacing: folder.file("running"))
    #expect(try AtomicFile.removeLeftovers(in: folder.url) == [dead, deadFolder].sorted())
    try running.commit()
    #expect(try folder.names == (others + ["running"]).sorted())
    #expect(throws: FileError.self) { try AtomicFile.removeLeftovers(in: folder.file("absent")) }
  }

  /// Nobody need ask for it: whoever writes a file or a folder again removes what is left of the last attempt.
  @Test func whoeverWritesAgainRemovesWhatAKilledProcessLeft() throws {
    let folder = try TemporaryFolder()
    let other = ".other.99999999-abc.partial"
    for name in [".a.txt.99999999-abc.partial", ".new.99999999-abc.partial", other] { try folder.write([1], to: name) }
    try AtomicFile.write(Data("a".utf8), to: folder.file("a.txt"))
    #expect(try folder.names == [".new.99999999-abc.partial", other, "a.txt"].sorted())
    try AtomicFolder(creating: folder.file("new")).commit()
    #expect(try folder.names == [other, "a.txt", "new"].sorted())
  }

  /// On a shared disk a process of another machine may have an id that means nothing here.
  @Test func whatAnotherMachineIsWritingIsNoLeftover() throws {
    let folder = try TemporaryFolder()
    let name = ".a.txt.99999999-abc.partial"
    try folder.write([1], to: name)
    let descriptor = open(folder.file(name).path, O_RDWR)
    #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    #expect(try AtomicFile.removeLeftovers(in: folder.url).isEmpty)
    close(descriptor)
    #expect(try AtomicFile.removeLeftovers(in: folder.url) == [name])
  }
}
