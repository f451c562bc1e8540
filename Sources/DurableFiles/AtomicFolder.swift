public import Foundation
import Glibc

/// A folder that appears whole or not at all. Files are written into `contents`, a hidden folder beside the
/// destination; `commit` flushes each of them to disk and renames the folder into place. After a failure or a `cancel`
/// nothing is left behind.
///
/// ```swift
/// let folder = try AtomicFolder(creating: url)
/// try AtomicFile.write(data, to: folder.contents.appendingPathComponent("config.json"))
/// try folder.commit()
/// ```
public final class AtomicFolder {
  /// Where the folder appears.
  public let destination: URL
  /// The hidden folder to write into.
  public let contents: URL
  private var isOpen = true
  /// Of the hidden folder, which is locked by it; -1 where it cannot be opened.
  private let descriptor: Int32

  /// Creates the hidden folder beside `destination`, whose parent must exist; removes what processes that no longer run
  /// left of earlier ones. Throws `exists` where anything stands at the destination, else `unwritable`.
  public init(creating destination: URL) throws(FileError) {
    // What cannot be removed is not in the way.
    _ = try? AtomicFile.removeLeftovers(of: destination)
    guard !somethingExists(at: destination.path) else { throw .exists(file: destination.path) }
    let temporary = temporaryPath(for: destination)
    self.destination = destination
    contents = URL(fileURLWithPath: temporary, isDirectory: true)
    guard mkdir(temporary, 0o777) == 0 else { throw .unwritable(file: destination.path, reason: systemErrorText()) }
    descriptor = openToRead(temporary)
    markAsInUse(descriptor)
  }

  deinit {
    cancel()
    if descriptor >= 0 { close(descriptor) }
  }

  /// Makes all files durable and moves the folder to its destination. Throws `exists` or `unwritable`, after
  /// which the hidden folder is gone.
  public func commit() throws(FileError) {
    // rename(2) replaces nothing but an empty folder, so what appears after the check cannot lose data
    try move(contents) { () throws(FileError) in try synchronizeTree(contents) }
    isOpen = false
  }

  /// Makes one of the files durable and moves it to the destination in the folder's place; the folder goes. For a file
  /// that must be read back by its name before it appears. Throws as `commit()` does.
  public func commit(file name: String) throws(FileError) {
    let file = contents.appendingPathComponent(name)
    try move(file) { () throws(FileError) in try synchronize(path: file.path) }
    cancel()
  }

  private func move(_ source: URL, synchronizing: () throws(FileError) -> Void) throws(FileError) {
    precondition(isOpen, "\(destination.path) was already committed or cancelled")
    do throws(FileError) {
      try synchronizing()
      guard !somethingExists(at: destination.path) else { throw FileError.exists(file: destination.path) }
      try renameDurably(source.path, to: destination)
    } catch {
      cancel()
      throw error
    }
  }

  /// Removes the hidden folder and all that was written into it. Does nothing after `commit` or another `cancel`.
  public func cancel() {
    guard isOpen else { return }
    isOpen = false
    // Nothing better can be done about a folder that cannot be removed; it is hidden and says its origin.
    try? FileManager.default.removeItem(at: contents)
  }

  private func synchronizeTree(_ folder: URL) throws(FileError) {
    let entries: [URL]
    do {
      entries = try FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: [.isDirectoryKey, .isSymbolicLinkKey])
    } catch {
      throw .unwritable(file: folder.path, reason: error.localizedDescription)
    }
    for entry in entries {
      let values = try? entry.resourceValues(forKeys: [.isDirectoryKey, .isSymbolicLinkKey])
      if values?.isSymbolicLink == true { continue }
      if values?.isDirectory == true { try synchronizeTree(entry) } else { try synchronize(path: entry.path) }
    }
    try synchronize(path: folder.path)
  }
}
