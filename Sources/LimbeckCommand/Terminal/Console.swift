import DurableFiles
import Foundation
import Glibc
import Synchronization

/// Standard error: lines of text and, on a terminal, one progress line below them that is redrawn in place.
final class Console: Sendable {
  /// Whether a person looks at it, on a terminal that can redraw a line.
  let isTerminal: Bool
  /// The progress line on the screen; empty without one.
  private let progressLine = Mutex("")

  init() {
    isTerminal = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }

  /// Writes a line, above the progress line if there is one. Control characters in it are escaped: names in files may
  /// have some, which a terminal would obey.
  func write(_ line: String) {
    let line = Self.escaped(line)
    progressLine.withLock { progress in
      // another console may have left its progress line there
      emit((isTerminal ? Self.cleared : "") + "\(line)\n" + (progress.isEmpty ? "" : Self.redrawn(progress)))
    }
  }

  /// Says on a terminal what is going on while `body` does something that may take a while: `reading MODEL`.
  func announcing<Result>(_ work: String, _ body: () throws -> Result) rethrows -> Result {
    announce(work)
    defer { clearProgress() }
    return try body()
  }

  /// Says on a terminal what is going on, where the progress line will be.
  func announce(_ work: String) { if isTerminal { showProgress(Self.escaped(work) + " …") } }

  /// Takes the progress line away.
  func clearProgress() {
    progressLine.withLock { progress in
      if !progress.isEmpty { emit(Self.cleared) }
      progress = ""
    }
  }

  /// Draws or redraws the progress line.
  func showProgress(_ line: String) {
    progressLine.withLock { progress in
      progress = line
      emit(Self.redrawn(line))
    }
  }

  /// Leaves the progress line as it is and goes on below it.
  func endProgress() {
    progressLine.withLock { progress in
      if !progress.isEmpty { emit("\n") }
      progress = ""
    }
  }

  /// Clears the line at the cursor.
  private static let cleared = "\r\u{1B}[K"

  /// The control sequences switch the terminal's line wrapping off for this one line: whatever the width, and when it
  /// changes, the terminal cuts the line at its edge, so that a carriage return always reaches its beginning.
  private static func redrawn(_ line: String) -> String { "\r\u{1B}[?7l\(line)\u{1B}[K\u{1B}[?7h" }

  private static func escaped(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      let isControl = scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
      return isControl ? scalar.escaped(asASCII: true) : String(scalar)
    }.joined()
  }

  private func emit(_ text: String) {
    // Nobody is left to tell when standard error itself fails.
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}

/// Standard output: what the user asked for, and nothing else.
enum StandardOutput {
  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// The columns of the terminal; nil where it is none, or does not tell.
  static var columns: Int? { terminalColumns(of: STDOUT_FILENO) }

  /// Writes `text` at once, so that it can be watched as it grows.
  static func write(_ text: String) throws(CommandError) { try write(bytes: Data(text.utf8)) }

  /// Writes `bytes` at once.
  static func write(bytes: some DataProtocol) throws(CommandError) {
    do {
      try FileHandle.standardOutput.write(contentsOf: bytes)
    } catch {
      throw .unwritableOutput(reason: error.localizedDescription)
    }
  }

  /// Writes one JSON object on a line of its own.
  static func write(json value: some Encodable) throws {
    try write(try json(value) + "\n")
  }

  /// One JSON object on a line. Keys are sorted, and in snake case; numbers that JSON does not have, such as a
  /// perplexity that overflows, are strings.
  static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}

/// Standard input.
enum StandardInput {
  static let name = "standard input"

  /// The next `count` bytes, fewer of them at the end; then `nil`.
  static func part(of count: Int) throws(CommandError) -> [UInt8]? {
    do {
      guard let data = try FileHandle.standardInput.read(upToCount: count), !data.isEmpty else { return nil }
      return Array(data)
    } catch {
      throw .unreadable(file: name, reason: error.localizedDescription)
    }
  }

  /// All of it.
  static func bytes() throws(CommandError) -> [UInt8] {
    do { return Array(try FileHandle.standardInput.readToEnd() ?? Data()) } catch {
      throw .unreadable(file: name, reason: error.localizedDescription)
    }
  }

  /// All of it, as text.
  static func text() throws(CommandError) -> String {
    guard let text = String(validating: try bytes(), as: UTF8.self) else { throw .notUTF8(file: name) }
    return text
  }
}
