public import Foundation
import Glibc

/// A file that appears whole or not at all. What is appended goes to a hidden file in the same folder; `commit` flushes
/// it to disk and renames it into place. Until then, and after any failure, whatever stood at the destination is
/// untouched, and nothing else is left behind.
///
/// ```swift
/// let file = try AtomicFile(replacing: url)
/// for chunk in chunks { try file.append(chunk) }
/// try file.commit()
/// ```
public final class AtomicFile {
  /// Where the file appears.
  public let destination: URL
  /// The number of bytes appended so far.
  public private(set) var count = 0
  let temporary: String
  /// -1 once committed or cancelled.
  private(set) var descriptor: Int32
  private var buffer: [UInt8] = []
  private static let bufferSize = 1 << 20

  /// Opens a temporary file beside `destination`, whose folder must exist; removes what processes that no longer run
  /// left of earlier ones. Throws `unwritable`.
  public init(replacing destination: URL) throws(FileError) {
    // What cannot be removed is not in the way.
    _ = try? Self.removeLeftovers(of: destination)
    let temporary = temporaryPath(for: destination)
    self.destination = destination
    self.temporary = temporary
    descriptor = retryingInterrupts { open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
    guard descriptor >= 0 else { throw .unwritable(file: destination.path, reason: systemErrorText()) }
    markAsInUse(descriptor)
  }

  deinit { cancel() }

  /// Writes `data` to `destination`, replacing what stands there, in one atomic step. Throws `unwritable`.
  public static func write(_ data: Data, to destination: URL) throws(FileError) {
    let file = try AtomicFile(replacing: destination)
    try file.append(data)
    try file.commit()
  }

  /// Appends bytes, which are gathered where they are few. Throws `unwritable`, after which the file is cancelled.
  public func append(_ bytes: RawSpan) throws(FileError) {
    requireOpen()
    try cancellingOnFailure { () throws(FileError) in
      if buffer.count + bytes.byteCount > Self.bufferSize { try flush() }
      if bytes.byteCount >= Self.bufferSize {
        try writeAll(bytes, to: descriptor, file: destination.path)
      } else {
        bytes.withUnsafeBytes { buffer.append(contentsOf: $0) }
      }
    }
    count += bytes.byteCount
  }

  /// Appends an array of bytes. Throws `unwritable`, after which the file is cancelled.
  public func append(_ bytes: [UInt8]) throws(FileError) { try append(bytes.span.bytes) }

  /// Appends `data`. Throws `unwritable`, after which the file is cancelled.
  public func append(_ data: Data) throws(FileError) { try append(data.bytes) }

  /// Overwrites bytes that were appended before, such as a header whose counts were not known yet. The region
  /// `offset ..< offset + bytes.byteCount` must lie in `0..<count`. Throws `unwritable`, after which the file is
  /// cancelled.
  public func overwrite(_ bytes: RawSpan, at offset: Int) throws(FileError) {
    requireOpen()
    precondition(
      offset >= 0 && offset <= count && bytes.byteCount <= count - offset,
      "\(bytes.byteCount) bytes at \(offset) of \(count) appended to \(destination.path)")
    try cancellingOnFailure { () throws(FileError) in
      try flush()
      try writeAll(bytes, to: descriptor, at: offset, file: destination.path)
    }
  }

  /// Makes the content durable and moves it to `destination`, replacing what stands there; nothing can be appended
  /// afterwards. Throws `unwritable`; what stood there before is then still there, unless only the very last step
  /// failed, which makes the move itself durable.
  public func commit() throws(FileError) {
    requireOpen()
    try cancellingOnFailure { () throws(FileError) in
      try flush()
      guard retryingInterrupts({ fsync(descriptor) }) == 0 else {
        throw .unwritable(file: destination.path, reason: systemErrorText())
      }
      // A network file system may report a lost write only here.
      let closed = close(descriptor)
      descriptor = -1
      guard closed == 0 else {
        let reason = systemErrorText()
        unlink(temporary)
        throw .unwritable(file: destination.path, reason: reason)
      }
      do throws(FileError) {
        try renameDurably(temporary, to: destination)
      } catch {
        unlink(temporary)
        throw error
      }
    }
  }

  /// Removes the temporary file; the destination stays as it was. Does nothing after `commit` or another `cancel`.
  public func cancel() {
    guard descriptor >= 0 else { return }
    close(descriptor)
    descriptor = -1
    unlink(temporary)
    buffer = []
  }

  /// Removes what processes that no longer run (killed, or cut off from power) left half-written in `folder`: hidden
  /// files and folders of this module's naming. Returns their names, sorted. Throws `unreadable` or `unwritable`.
  @discardableResult
  public static func removeLeftovers(in folder: URL) throws(FileError) -> [String] {
    try removeLeftovers(in: folder) { _ in true }
  }

  /// Removes what processes that no longer run left beside `destination` while they wrote it, and nothing else in that
  /// folder. Returns the names, sorted. Throws `unreadable` or `unwritable`.
  @discardableResult
  public static func removeLeftovers(of destination: URL) throws(FileError) -> [String] {
    let prefix = ".\(destination.lastPathComponent)."
    return try removeLeftovers(in: destination.deletingLastPathComponent()) { name in
      name.hasPrefix(prefix) && name.dropFirst(prefix.count).count { $0 == "." } == 1
    }
  }

  private static func removeLeftovers(
    in folder: URL, where isMeant: (String) -> Bool
  ) throws(FileError) -> [String] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    } catch {
      throw .unreadable(file: folder.path, reason: error.localizedDescription)
    }
    let leftovers = names.filter { name in
      guard isMeant(name), let owner = temporaryOwner(ofName: name) else { return false }
      return kill(owner, 0) == -1 && errno == ESRCH && !isInUse(folder.appendingPathComponent(name).path)
    }
    for name in leftovers {
      let leftover = folder.appendingPathComponent(name)
      do {
        try FileManager.default.removeItem(at: leftover)
      } catch {
        throw .unwritable(file: leftover.path, reason: error.localizedDescription)
      }
    }
    return leftovers.sorted()
  }

  private func flush() throws(FileError) {
    var gathered: [UInt8] = []
    swap(&gathered, &buffer)
    try writeAll(gathered.span.bytes, to: descriptor, file: destination.path)
    gathered.removeAll(keepingCapacity: true)
    swap(&gathered, &buffer)
  }

  private func cancellingOnFailure(_ body: () throws(FileError) -> Void) throws(FileError) {
    do throws(FileError) {
      try body()
    } catch {
      cancel()
      throw error
    }
  }

  private func requireOpen() {
    precondition(descriptor >= 0, "\(destination.path) was already committed or cancelled")
  }
}
