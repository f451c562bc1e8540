public import Foundation

/// A small file in memory, to be written into a folder.
public struct NamedFile: Hashable, Sendable {
  /// Its name in the folder.
  public var name: String
  /// All of its bytes.
  public var contents: Data

  /// A file, as the properties say.
  public init(name: String, contents: Data) {
    self.name = name
    self.contents = contents
  }

  /// Writes the file into `folder`, where it appears whole or not at all, in place of one that has its name. Throws
  /// what the disk refuses.
  public func write(to folder: URL) throws(FileError) {
    try AtomicFile.write(contents, to: folder.appendingPathComponent(name))
  }
}
