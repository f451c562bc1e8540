import DurableFiles
import Foundation

/// The folder of what is made in several calls: a file in it says of which settings, and other settings do not go on
/// with it.
enum ClaimedFolder {
  /// Makes the folder, or goes on with one that was made with the same settings, or in which nothing was made yet.
  /// - Parameters:
  ///   - path: the folder.
  ///   - settings: what decides all that will be in it.
  ///   - name: of the file, without `.json`.
  ///   - kind: what the folder should be, for an error.
  /// - Throws: `outputExists` where it holds something else; what the disk refuses.
  static func claim<Settings: Codable & Equatable>(
    _ path: String, for settings: Settings, named name: String, of kind: String
  ) throws {
    let folder = URL(fileURLWithPath: path, isDirectory: true)
    let file = folder.appendingPathComponent("\(name).json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    if let data = try? Data(contentsOf: file), (try? decoder.decode(Settings.self, from: data)) == settings { return }
    if somethingExists(at: folder.path) {
      let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
      guard names == [] || names == [file.lastPathComponent] else {
        throw CommandError.outputExists(
          path: folder.relativePath, advice: "it is not \(kind); choose another --output")
      }
    }
    do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
      throw FileError.unwritable(file: folder.path, reason: error.localizedDescription)
    }
    try AtomicFile.write(Data(StandardOutput.json(settings).utf8), to: file)
  }
}
