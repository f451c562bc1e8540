import ArgumentParser

/// Names that changed: the old ones are refused with the new one.
enum Renamed {
  /// Subcommands.
  static let subcommands = ["cache-logits": "cache-teacher"]
  /// Flags, and keys of recipes.
  static let flags = [
    "cached-logits": "teacher-cache", "validation-cached-logits": "validation-teacher-cache",
  ]

  /// Throws where the command is called by an old name.
  static func refuse(_ arguments: [String]) throws {
    if let old = arguments.first, let name = subcommands[old] {
      throw ValidationError("'limbeck \(old)' is called 'limbeck \(name)' now.")
    }
    for argument in arguments where argument.hasPrefix("--") {
      let old = String(argument.dropFirst(2).prefix { $0 != "=" })
      if let name = flags[old] { throw ValidationError("--\(old) is called --\(name) now.") }
    }
  }
}
