public import Foundation
import Glibc

/// All that is in a regular file, or comes out of a pipe up to its end. Throws `missing` or `unreadable`: also for a
/// folder or a device, which may have no end, and for a pipe that brings nothing, perhaps because nobody writes into
/// it, which is not waited for.
public func contentsOfFileOrPipe(_ path: String) throws(FileError) -> Data {
  let descriptor = openToRead(path)
  guard descriptor >= 0 else {
    throw errno == ENOENT
      ? .missing(file: path, advice: "check the path") : .unreadable(file: path, reason: systemErrorText())
  }
  let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw .unreadable(file: path, reason: systemErrorText()) }
  let kind = status.st_mode & S_IFMT
  switch kind {
  case S_IFREG, S_IFIFO: break
  case S_IFDIR: throw .unreadable(file: path, reason: "a file was expected, but it is a folder")
  default: throw .unreadable(file: path, reason: "a file or a pipe was expected, but it is a device")
  }
  // whoever has opened the pipe to write into it is waited for
  guard fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK) == 0 else {
    throw .unreadable(file: path, reason: systemErrorText())
  }
  let data: Data
  do { data = try handle.readToEnd() ?? Data() } catch {
    throw .unreadable(file: path, reason: error.localizedDescription)
  }
  if kind == S_IFIFO, data.isEmpty {
    throw .unreadable(file: path, reason: "nothing came out of this pipe; whoever writes into it must begin first")
  }
  return data
}
