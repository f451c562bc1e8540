import Foundation

/// What a benchmark program prints: one JSON object on one line, its keys in snake case and sorted; nil is not printed.
public protocol Report: Encodable {}

extension Report {
  /// Writes the object to standard output.
  public func write() throws {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = .sortedKeys
    FileHandle.standardOutput.write(try encoder.encode(self) + Data("\n".utf8))
  }
}
