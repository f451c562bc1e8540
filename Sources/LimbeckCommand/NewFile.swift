import DurableFiles
import Foundation

/// A file that is to be written and must not exist. Looked at before the work, which is long, and after it.
struct NewFile {
  private let path: String
  private let destination: URL

  /// Throws where something stands there, or where there is no folder for it.
  init(_ path: String) throws {
    self.path = path
    destination = URL(fileURLWithPath: path)
    try require()
  }

  /// Writes the file, in one step. Throws as `init`, and what the disk refuses.
  func write(_ data: Data) throws {
    try require()
    try AtomicFile.write(data, to: destination)
  }

  private func require() throws {
    guard !FileManager.default.fileExists(atPath: path) else {
      throw CommandError.outputExists(path: path, advice: "choose another name or remove it first")
    }
    let folder = destination.deletingLastPathComponent()
    guard folder.isFolder else {
      throw FileError.missing(file: folder.path, advice: "make the folder that \(path) is to lie in first")
    }
  }
}
