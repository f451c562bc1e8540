import Foundation

/// A folder of a test's own, removed when the test lets go of it.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ name: String) -> URL { url.appendingPathComponent(name) }

  /// Writes `bytes` to a new file called `name`.
  @discardableResult func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> URL {
    try Data(bytes).write(to: file(name))
    return file(name)
  }

  /// The names of everything in the folder, hidden files included, sorted.
  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
  }
}
