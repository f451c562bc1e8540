import ArgumentParser
import Diagnostics
import Yams

/// Settings that are paths.
extension RecipeFile {
  /// The flag, else the file's path, else nil. A path of a run's recipe that is not there is looked for in the folder
  /// in which the run began; `mayBeName` says that the value may be something else than a path.
  mutating func path(_ key: String, _ flag: String?, mayBeName: Bool = false) throws(RecipeError) -> String? {
    if flag == nil { try resolve(key, mayBeName: mayBeName) }
    return try value(key, flag)
  }

  /// As `path`, one of which must be there.
  mutating func requiredPath(
    _ key: String, _ flag: String?, mayBeName: Bool = false
  ) throws(RecipeError) -> String {
    if flag == nil { try resolve(key, mayBeName: mayBeName) }
    return try required(key, flag)
  }

  /// The flag's paths, else the file's.
  mutating func paths(_ key: String, _ flag: [String]) throws(RecipeError) -> [String] {
    if flag.isEmpty { try resolve(key, mayBeName: false) }
    return try list(key, flag)
  }

  /// The flag's paths, else the file's, of which there must be one; `mayHavePattern` says that a colon and a pattern of
  /// files may stand behind each.
  mutating func requiredPaths(
    _ key: String, _ flag: [String], mayHavePattern: Bool = false
  ) throws(RecipeError) -> [String] {
    if flag.isEmpty { try resolve(key, mayBeName: false, mayHavePattern: mayHavePattern) }
    return try requiredList(key, flag)
  }

  /// Puts the places of a run's paths in place of what its recipe says. Throws `value` where there is nothing.
  private mutating func resolve(
    _ key: String, mayBeName: Bool, mayHavePattern: Bool = false
  ) throws(RecipeError) {
    guard let places, places.workingFolder != nil, let index = entries.firstIndex(where: { $0.key == key }) else {
      return
    }
    let nodes = entries[index].node.sequence.map(Array.init) ?? [entries[index].node]
    var resolved: [Node] = []
    for node in nodes {
      guard let path = node.scalar?.string,
        let place = mayHavePattern ? places.resolvedWithPattern(path) : places.resolved(path)
      else {
        if mayBeName || node.scalar == nil { return }
        throw missingPath(node.scalar?.string ?? "", entries[index])
      }
      if place.isMoved, !movedKeys.contains(key) { movedKeys.append(key) }
      resolved.append(place.isMoved ? Node(place.path) : node)
    }
    entries[index].node = entries[index].node.sequence == nil ? resolved[0] : Node(resolved)
  }

  private func missingPath(_ path: String, _ entry: (key: String, line: Int, node: Node)) -> RecipeError {
    .value(
      InvalidValue(
        "\(file), line \(entry.line)", entry.key, expected: "a file or folder", found: "nothing at \(path)",
        advice: "seen from the current folder or from \(places?.workingFolder ?? ""), where the run began; "
          + "give its place with --\(entry.key)"))
  }
}
