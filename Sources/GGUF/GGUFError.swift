public import Diagnostics
public import DurableFiles
public import Foundation

/// What can be wrong with a GGUF file: each text names the file, what was expected and what was found.
public enum GGUFError: Error, Equatable, Sendable {
  /// The file as such: missing, unreadable, cut short, a name twice.
  case file(FileError)
  /// A field of the header, a metadata value or a tensor that cannot be.
  case value(InvalidValue)
}

extension GGUFError: CustomStringConvertible, LocalizedError {
  /// One line for the user.
  public var description: String {
    switch self {
    case .file(let error): error.description
    case .value(let error): error.description
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }

  /// Runs `body`; throws `file` for what is wrong with a file as such.
  static func wrapping<Result: ~Copyable>(_ body: () throws(FileError) -> Result) throws(GGUFError) -> Result {
    do throws(FileError) { return try body() } catch { throw .file(error) }
  }
}
