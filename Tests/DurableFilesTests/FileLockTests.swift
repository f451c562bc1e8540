import DurableFiles
import Foundation
import TestSupport
import Testing

@Suite struct FileLockTests {
  @Test func aLockIsHeldByOneAndSaysByWhom() throws {
    let folder = try TemporaryFolder()
    var first: FileLock? = try FileLock(folder: folder.url)
    #expect(try folder.names == [".lock"])
    for attempt in [{ _ = try FileLock(folder: folder.url) }, { try FileLock.requireFree(folder: folder.url) }] {
      let error = #expect(throws: FileError.self, performing: attempt)
      guard case .beingWritten(folder.url.path, let holder)? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(holder.hasPrefix("process \(ProcessInfo.processInfo.processIdentifier) on "))
      let begun = holder.split(separator: " ").last.map(String.init) ?? ""
      #expect(abs(try Date(begun, strategy: .iso8601).timeIntervalSinceNow) < 600)
    }
    #expect(first != nil)
    first = nil
    #expect(try folder.names.isEmpty)
    try FileLock.requireFree(folder: folder.url)
    #expect(try folder.names.isEmpty)
    _ = try FileLock(folder: folder.url)
  }

  @Test func aFilesLockLiesBesideItAndIsItsOwn() throws {
    let folder = try TemporaryFolder()
    let lock = try FileLock(fileAt: folder.file("a.jsonl"))
    #expect(try folder.names == [".a.jsonl.lock"])
    let other = try FileLock(fileAt: folder.file("b.jsonl"))
    let error = #expect(throws: FileError.self) { _ = try FileLock(fileAt: folder.file("a.jsonl")) }
    let text = try #require(error).description
    #expect(text.hasPrefix("\(folder.file("a.jsonl").path): is being written by process "))
    #expect(text.hasSuffix("; wait for its end, or stop it first"))
    withExtendedLifetime((lock, other)) {}
  }

  /// What a killed process leaves is a file without a lock.
  @Test func aLockEndsWithItsProcess() throws {
    let folder = try TemporaryFolder()
    let holder = Process()
    holder.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    // -o: the shell does not inherit the lock
    holder.arguments = ["flock", "-o", folder.file(".lock").path, "sh", "-c", "echo > held; sleep 3"]
    holder.currentDirectoryURL = folder.url
    try holder.run()
    while !FileManager.default.fileExists(atPath: folder.file("held").path), holder.isRunning { usleep(2_000) }
    #expect(throws: FileError.beingWritten(file: folder.url.path, by: "another process")) {
      try FileLock.requireFree(folder: folder.url)
    }
    kill(holder.processIdentifier, SIGKILL)
    holder.waitUntilExit()
    try folder.write("process 1 on elsewhere since 2026-01-01", to: ".lock")
    try FileLock.requireFree(folder: folder.url)
    _ = try FileLock(folder: folder.url)
    #expect(try folder.names == ["held"])
  }

  @Test func aFolderThatIsNotThereIsNamed() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: FileError.self) { _ = try FileLock(folder: folder.file("none")) }
    #expect(try #require(error).description.hasPrefix("\(folder.file("none").path): cannot be written"))
  }
}
