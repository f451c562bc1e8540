import DurableFiles
import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct ReadingOnceTests {
  @Test func filesAreReadAsTheyAre() throws {
    let folder = try TemporaryFolder()
    #expect(try contentsOfFileOrPipe(folder.write([1, 2, 3], to: "file").path) == Data([1, 2, 3]))
    #expect(try contentsOfFileOrPipe(folder.write([], to: "empty").path).isEmpty)
    #expect(throws: FileError.missing(file: folder.file("none").path, advice: "check the path")) {
      try contentsOfFileOrPipe(folder.file("none").path)
    }
  }

  @Test func whatHasNoEndIsRefused() throws {
    let folder = try TemporaryFolder()
    for (path, reason) in [(folder.url.path, "it is a folder"), ("/dev/zero", "it is a device")] {
      let error = #expect(throws: FileError.self) { try contentsOfFileOrPipe(path) }
      #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }
  }

  /// Whoever has opened a pipe is waited for, and nobody else.
  @Test func pipesAreReadToTheirEnd() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("pipe").path
    try #require(mkfifo(path, 0o600) == 0)
    let error = #expect(throws: FileError.self) { try contentsOfFileOrPipe(path) }
    #expect(error?.description.contains("nothing came out of this pipe") == true)

    let writing = open(path, O_RDWR)
    try #require(writing >= 0)
    DispatchQueue.global().async {
      usleep(50_000)
      _ = write(writing, "text", 4)
      usleep(50_000)
      close(writing)
    }
    #expect(try contentsOfFileOrPipe(path) == Data("text".utf8))
  }
}
