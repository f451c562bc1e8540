public import Foundation
import Glibc

/// The right to write a folder or a file, which one process has at a time. Readers need no lock.
///
/// The lock is the system's (`flock`) on a hidden file, so that it ends with the process, whatever ends it: a lock that
/// nobody holds is never in the way. The hidden file says who holds it, for the error that the next process gets.
///
/// On file systems that have no locks it is granted to everyone.
public final class FileLock: Sendable {
  private let descriptor: Int32
  private let file: String

  /// Locks a folder, which must exist, by a file `.lock` in it. Throws `beingWritten` where somebody holds the lock,
  /// and `unwritable`.
  public convenience init(folder: URL) throws(FileError) {
    try self.init(file: Self.lockFile(ofFolder: folder), of: folder)
  }

  /// Locks a file, which need not exist, by a file `.NAME.lock` beside it. Throws `beingWritten` where somebody holds
  /// the lock, and `unwritable`.
  public convenience init(fileAt url: URL) throws(FileError) {
    let name = ".\(url.lastPathComponent).lock"
    try self.init(file: url.deletingLastPathComponent().appendingPathComponent(name).path, of: url)
  }

  private init(file: String, of guarded: URL) throws(FileError) {
    self.file = file
    descriptor = try Self.acquire(file, of: guarded)
    let text = "process \(getpid()) on \(Self.hostName) since \(Date().formatted(.iso8601))"
    // The lock holds without the text, which only tells the next process more.
    ftruncate(descriptor, 0)
    _ = Array(text.utf8).withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  /// Opens the lock's file and locks it. Throws `beingWritten` or `unwritable`.
  private static func acquire(_ file: String, of guarded: URL) throws(FileError) -> Int32 {
    while true {
      let opened = retryingInterrupts { open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o666) }
      guard opened >= 0 else { throw .unwritable(file: guarded.path, reason: systemErrorText()) }
      guard lock(opened) else {
        let holder = holder(opened)
        close(opened)
        throw .beingWritten(file: guarded.path, by: holder)
      }
      // Who held the lock before may have removed the file since it was opened: then this locks a file of no name.
      if isSame(opened, file) { return opened }
      close(opened)
    }
  }

  deinit {
    // Removed before the lock is given up, so that nobody's lock is removed but this one.
    unlink(file)
    close(descriptor)
  }

  /// Throws `beingWritten` where somebody holds the lock of a folder. Nothing is written, and nothing is held
  /// afterwards: an early look, before work that would be in vain.
  public static func requireFree(folder: URL) throws(FileError) {
    let opened = openToRead(lockFile(ofFolder: folder))
    guard opened >= 0 else { return }
    defer { close(opened) }
    guard lock(opened) else { throw .beingWritten(file: folder.path, by: holder(opened)) }
  }

  private static func lockFile(ofFolder folder: URL) -> String { folder.appendingPathComponent(".lock").path }

  /// Whether the lock is free, and held now. True where the file system has no locks.
  private static func lock(_ descriptor: Int32) -> Bool {
    retryingInterrupts { flock(descriptor, LOCK_EX | LOCK_NB) } == 0 || errno != EWOULDBLOCK
  }

  private static func isSame(_ descriptor: Int32, _ path: String) -> Bool {
    var (opened, named) = (stat(), stat())
    return fstat(descriptor, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino
      && opened.st_dev == named.st_dev
  }

  /// What the file says of its holder.
  private static func holder(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 512)
    let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    return text.isEmpty ? "another process" : text
  }

  private static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    let isKnown = gethostname(&name, name.count - 1) == 0
    return isKnown ? String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self) : "this host"
  }
}
