import Diagnostics
import Foundation

/// The messages and commands of a user, from lines of text.
struct ChatInput {
  /// What the user wants next.
  enum Turn: Equatable {
    case message(String)
    case reset, help, exit
    /// A command that does not exist, and what to say of it.
    case unknown(String)
  }

  /// What begins and ends a message of several lines.
  private static let quotes = "\"\"\""
  private static let commands: [String: Turn] = ["/reset": .reset, "/help": .help, "/exit": .exit]
  static let help = """
    /reset   forgets the conversation
    /help    shows this
    /exit    leaves, as Ctrl-D does
    Ctrl-C stops an answer. \"\"\" begins and ends a message of several lines;
    a backslash at a line's end continues it.
    """

  private let nextLine: (_ prompt: String) -> String?

  /// Reads standard input; a person is asked for every line.
  init(isInteractive: Bool) {
    self.init { prompt in
      // standard output is the answers', and may be a file
      if isInteractive { try? FileHandle.standardError.write(contentsOf: Data(prompt.utf8)) }
      return readLine()
    }
  }

  /// Takes lines, without their ends, from a function that returns nil behind the last one.
  init(lines nextLine: @escaping (_ prompt: String) -> String?) { self.nextLine = nextLine }

  /// The next message or command, or nil at the end; blank lines are left out.
  mutating func next() -> Turn? {
    while let line = nextLine("> ") {
      let text = line.trimmingCharacters(in: .whitespaces)
      if text.isEmpty { continue }
      if text.hasPrefix(Self.quotes) { return .message(quoted(String(text.dropFirst(Self.quotes.count)))) }
      if text.hasPrefix("/") { return command(text) }
      return .message(continued(line))
    }
    return nil
  }

  private func command(_ text: String) -> Turn {
    if let command = Self.commands[text] { return command }
    let nearest = NearestName.nearest(to: String(text.dropFirst()), among: ["reset", "help", "exit"])
    let advice = nearest.map { "did you mean '/\($0)'?" } ?? "/help lists them."
    return .unknown("unknown command '\(text)'; \(advice) A message that begins with / goes between three quotes.")
  }

  /// All up to the next three quotes, where the first line has `text` behind the opening ones.
  private func quoted(_ text: String) -> String {
    var lines: [String] = []
    var line: String? = text
    while let current = line {
      if current.hasSuffix(Self.quotes) {
        lines.append(String(current.dropLast(Self.quotes.count)))
        break
      }
      lines.append(current)
      line = nextLine("... ")
    }
    return lines.joined(separator: "\n").trimmingCharacters(in: .newlines)
  }

  /// A line and those that continue it.
  private func continued(_ line: String) -> String {
    var lines = [line]
    while let last = lines.last, last.hasSuffix("\\") {
      lines[lines.count - 1].removeLast()
      guard let next = nextLine("... ") else { break }
      lines.append(next)
    }
    return lines.joined(separator: "\n")
  }
}
