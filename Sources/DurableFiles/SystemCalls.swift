import Foundation
import Glibc

/// The text of an error of the system; by default, `errno` of the call that has just failed.
package func systemErrorText(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }

/// Repeats a system call that a signal interrupted.
func retryingInterrupts<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}

/// Opens what `path` names to read it; -1 where that fails. Does not wait for who would write into a named pipe: what
/// was opened is for the caller to look at.
func openToRead(_ path: String) -> Int32 {
  retryingInterrupts { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
}

/// Writes all of `bytes` to `descriptor`, at `offset` or, without one, where the descriptor stands.
func writeAll(
  _ bytes: RawSpan, to descriptor: Int32, at offset: Int? = nil, file: String
) throws(FileError) {
  var done = 0
  while done < bytes.byteCount {
    let written = bytes.extracting(droppingFirst: done).withUnsafeBytes { rest in
      retryingInterrupts {
        if let offset {
          pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
        } else {
          write(descriptor, rest.baseAddress, rest.count)
        }
      }
    }
    guard written > 0 else { throw .unwritable(file: file, reason: systemErrorText()) }
    done += written
  }
}

/// Makes what `path` names (a file, or the entries of a folder) durable.
func synchronize(path: String) throws(FileError) {
  let descriptor = openToRead(path)
  guard descriptor >= 0 else { throw .unwritable(file: path, reason: systemErrorText()) }
  defer { close(descriptor) }
  // EINVAL: the file system has no notion of flushing this kind of file (folders on some network mounts).
  guard retryingInterrupts({ fsync(descriptor) }) == 0 || errno == EINVAL else {
    throw .unwritable(file: path, reason: systemErrorText())
  }
}

/// Moves `source` onto `destination` in one step, then makes the folder's new entry durable.
func renameDurably(_ source: String, to destination: URL) throws(FileError) {
  guard rename(source, destination.path) == 0 else {
    throw .unwritable(file: destination.path, reason: systemErrorText())
  }
  try synchronize(path: destination.deletingLastPathComponent().path)
}

/// Whether anything, even a dangling symbolic link, stands at `path`.
public func somethingExists(at path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0
}

/// A hidden name beside `destination`, so that a rename never crosses file systems. It carries the process id, by which
/// `AtomicFile.removeLeftovers(in:)` knows the files of processes that are gone.
func temporaryPath(for destination: URL) -> String {
  let token = String(UInt64.random(in: .min ... .max), radix: 36)
  let name = ".\(destination.lastPathComponent).\(getpid())-\(token)\(temporarySuffix)"
  return destination.deletingLastPathComponent().appendingPathComponent(name).path
}

/// Locks a temporary file or folder for as long as it is open, so that a process on another machine, where this one's
/// id means nothing, does not take it for a leftover.
func markAsInUse(_ descriptor: Int32) { _ = flock(descriptor, LOCK_EX | LOCK_NB) }

/// Whether somebody holds the lock of a temporary file or folder.
func isInUse(_ path: String) -> Bool {
  let descriptor = openToRead(path)
  guard descriptor >= 0 else { return false }
  defer { close(descriptor) }
  return flock(descriptor, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK
}

private let temporarySuffix = ".partial"

/// The process whose temporary file or folder has this name; `nil` for other names.
func temporaryOwner(ofName name: String) -> pid_t? {
  guard name.hasPrefix("."), name.hasSuffix(temporarySuffix),
    let owner = name.dropLast(temporarySuffix.count).split(separator: ".").last?.split(separator: "-").first
  else { return nil }
  return pid_t(owner).flatMap { $0 > 0 ? $0 : nil }
}

/// Whether a folder stands at `path`, or a symbolic link to one.
public func isFolder(at path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}
