import ArgumentParser
import DurableFiles
import Foundation

/// One call of a subcommand, of several that make something together.
struct CommandStep {
  let title: String
  let arguments: [String]
  /// What stands there once it is done; nil for what is done every time.
  var result: String?
  /// What it is made from: where that was made anew, so is this. Nil where nothing was.
  var source: String?

  var isDone: Bool {
    guard let result, somethingExists(at: result) else { return false }
    guard let source, let made = Self.modificationDate(of: result) else { return true }
    return Self.modificationDate(of: source).map { $0 <= made } ?? false
  }

  /// Says what is called, and calls it.
  func run() throws {
    Console().write("\n== \(title)\n$ limbeck \(arguments.map(\.shellQuoted).joined(separator: " "))")
    var command = try Limbeck.parseAsRoot(arguments)
    try command.run()
  }

  private static func modificationDate(of path: String) -> Date? {
    (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
  }
}
