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

  /// Writes `text` to a new file called `name`.
  @discardableResult func write(_ text: String, to name: String) throws -> URL { try write(text.utf8, to: name) }

  /// The names of everything in the folder, hidden files included, sorted.
  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
  }
}

/// The bytes of a safetensors file with this header and this much data, and the header's length if it is to lie.
func safetensors(header: some Sequence<UInt8>, data: [UInt8], length: UInt64? = nil) -> [UInt8] {
  let header = Array(header)
  let length = length ?? UInt64(header.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header + data
}
