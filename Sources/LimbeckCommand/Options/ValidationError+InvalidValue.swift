import ArgumentParser
import Diagnostics
import Foundation

extension ValidationError {
  /// The error for a flag's value; its key is the flag without the dashes.
  init(_ value: InvalidValue) { self.init("--\(value)") }

  /// The error for the value of a flag; `flag` is without its dashes.
  init(_ flag: String, expected: String, found: some Any) {
    self.init(InvalidValue(flag, expected: expected, found: "\(found)"))
  }

  /// Refuses an empty path for a flag, which would mean the current folder.
  static func requirePath(_ path: String, _ flag: String) throws {
    if path.isEmpty { throw ValidationError(.emptyPath(flag)) }
  }
}

extension InvalidValue {
  /// The error for a path that is empty.
  fileprivate static func emptyPath(_ key: String) -> InvalidValue {
    InvalidValue(key, expected: "a path", found: "an empty one")
  }

  /// What is wrong with the path of a model folder that is to be written: it is empty, or ends as files of weights do.
  /// Nil where it may be.
  init?(ofModelFolder path: String, _ key: String) {
    if path.isEmpty {
      self = .emptyPath(key)
    } else if ["gguf", "safetensors"].contains(URL(fileURLWithPath: path).pathExtension.lowercased()) {
      self.init(key, expected: "the name of a folder, for a model is written as one", found: path)
    } else {
      return nil
    }
  }
}
