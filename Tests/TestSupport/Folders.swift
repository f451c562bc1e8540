public import Foundation

/// A folder of a test's own, removed when the test lets go of it.
public final class TemporaryFolder {
  /// Where it is.
  public let url = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-\(UUID().uuidString)")

  /// An empty folder. Throws what the disk refuses.
  public init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false) }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Where a file called `name` is or will be.
  public func file(_ name: String) -> URL { url.appendingPathComponent(name) }

  /// Writes `bytes` to a file called `name`, and makes the folders that the name goes through.
  @discardableResult public func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> URL {
    let file = file(name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
    return file
  }

  /// Writes `text` to a file called `name`.
  @discardableResult public func write(_ text: String, to name: String) throws -> URL { try write(text.utf8, to: name) }

  /// The names of everything in the folder, hidden files included, sorted.
  public var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
  }
}

/// Folders that tests read from.
public enum Folders {
  /// The project's root.
  public static let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The folder `shared` beside the clone, with models and texts too large for the repository; absent on most machines.
  public static let shared = project.deletingLastPathComponent().appendingPathComponent("shared")

  /// Whether `shared` is there.
  public static let hasShared = FileManager.default.fileExists(atPath: shared.path)
}
