import DurableFiles
import Foundation

/// A file in a folder of text that is not read.
public struct LeftOutFile: Hashable, Sendable {
  /// Its path.
  public let path: String
  /// Why it is not read.
  public let reason: String
}

/// The text files in a folder and below it, sorted by path, links followed, hidden files left alone.
struct FolderListing {
  private(set) var sources: [TextSource] = []
  private(set) var leftOut: [LeftOutFile] = []
  /// The true paths of what was listed, as bytes, for two spellings of one accent are two files: links may lead to one
  /// file, or folder, more than once.
  private var seen: Set<[UInt8]> = []

  /// Throws `file` where a folder cannot be read.
  init(_ folder: String) throws(TokenizationError) {
    seen.insert(Self.truePath(folder))
    try list(folder)
  }

  private mutating func list(_ folder: String) throws(TokenizationError) {
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: folder) } catch {
      throw .file(.unreadable(file: folder, reason: error.localizedDescription))
    }
    // Sorted by path: a folder sorts as if its name ended in a slash.
    var entries: [(key: [UInt8], path: String, isFolder: Bool)] = []
    for name in names where !name.hasPrefix(".") {
      let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
        leftOut.append(LeftOutFile(path: path, reason: "a link to nothing"))
        continue
      }
      entries.append((Array((name + (isFolder.boolValue ? "/" : "")).utf8), path, isFolder.boolValue))
    }
    for entry in entries.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      guard seen.insert(Self.truePath(entry.path)).inserted else {
        // A link back to a folder on the way here is no loss.
        if !entry.isFolder { leftOut.append(LeftOutFile(path: entry.path, reason: "a link to a file already listed")) }
        continue
      }
      if entry.isFolder { try list(entry.path) } else { add(entry.path) }
    }
  }

  private mutating func add(_ path: String) {
    let file = URL(fileURLWithPath: path)
    let ending = TextSource.pathExtension(of: file)
    do throws(TokenizationError) {
      let source = try TextSource(file: file)
      if TextSource.folderExtensions.contains(ending) {
        sources.append(source)
      } else {
        let reason = ending.isEmpty ? "a name without an ending" : "a name that ends in .\(ending)"
        leftOut.append(LeftOutFile(path: path, reason: "\(reason); name the file to read it as plain text"))
      }
    } catch .notText(_, let found, let advice) {
      leftOut.append(LeftOutFile(path: path, reason: "\(found); \(advice)"))
    } catch {
      leftOut.append(LeftOutFile(path: path, reason: "no permission to read it"))
    }
  }

  private static func truePath(_ path: String) -> [UInt8] {
    Array(URL(fileURLWithPath: path).resolvingSymlinksInPath().path.utf8)
  }
}
