import DurableFiles
public import Foundation

/// Where token files are kept.
public enum TokenCache {
  /// The environment variable that names the folder.
  public static let variable = "LIMBECK_CACHE"

  /// The folder: `$LIMBECK_CACHE`, else `limbeck` in `$XDG_CACHE_HOME`, else `~/.cache/limbeck`. Files in it are made
  /// anew when they are missing, so that it may be emptied at any time.
  public static func folder(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> URL {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    if let folder = value(variable) { return URL(fileURLWithPath: folder, isDirectory: true) }
    // The XDG Base Directory Specification: a path that is not absolute is to be ignored.
    let caches =
      value("XDG_CACHE_HOME").flatMap { $0.hasPrefix("/") ? URL(fileURLWithPath: $0, isDirectory: true) : nil }
      ?? home(value("HOME")).appendingPathComponent(".cache", isDirectory: true)
    return caches.appendingPathComponent("limbeck", isDirectory: true)
  }

  /// Makes the folder, if need be, and removes what processes that no longer run left half-written in it. Throws
  /// `cacheFolder`.
  static func prepare(_ folder: URL) throws(TokenizationError) {
    do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
      throw .cacheFolder(folder: folder.path, reason: error.localizedDescription)
    }
    guard FileManager.default.isWritableFile(atPath: folder.path) else {
      throw .cacheFolder(folder: folder.path, reason: "no permission")
    }
    // What cannot be removed does no harm but for its size; another process may have removed it.
    _ = try? AtomicFile.removeLeftovers(in: folder)
  }

  private static func home(_ path: String?) -> URL {
    path.map { URL(fileURLWithPath: $0, isDirectory: true) } ?? FileManager.default.homeDirectoryForCurrentUser
  }
}
