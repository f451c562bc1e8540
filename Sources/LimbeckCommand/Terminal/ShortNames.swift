/// Names for paths that are too long for the head of a column.
enum ShortNames {
  /// The paths, or where one is longer than `length`, what is left of all without the folders that they have in common
  /// and, of what is still too long, the end. No two names become one.
  static func of(_ paths: [String], length: Int) -> [String] {
    guard paths.contains(where: { $0.count > length }) else { return paths }
    let parts = paths.map { $0.split(separator: "/") }
    let most = parts.map { $0.count - 1 }.min() ?? 0
    let common = (0..<max(0, most)).prefix { index in parts.allSatisfy { $0[index] == parts[0][index] } }.count
    let names = parts.map { cut($0.dropFirst(common).joined(separator: "/"), to: length) }
    return Set(names).count == Set(paths).count ? names : paths
  }

  private static func cut(_ name: String, to length: Int) -> String {
    name.count <= length ? name : "…" + name.suffix(length - 1)
  }
}
