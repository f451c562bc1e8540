/// Finds the name that a mistyped one was meant to be: of a subcommand, a flag, a recipe's key, a method.
public enum NearestName {
  /// The end of an error's sentence, "; did you mean 'distill'?", or nothing where no name is near.
  public static func advice(for text: String, among names: some Sequence<String>, prefix: String = "") -> String {
    nearest(to: text, among: names).map { "; did you mean '\(prefix)\($0)'?" } ?? ""
  }

  /// The name that is nearest to `text`, or nil where none is near.
  ///
  /// Upper case and underscores do not matter. Near is a name that differs in at most a third of its letters (one of
  /// two neighbours that are swapped counts once), or else the first one of which `text` is a whole word or the
  /// beginning: `kl` is near to `forward-kl`, `temp` to `temperature`. Before all comes a name with the same first
  /// letter and the same number at its end: `bfloat16` is near to `bf16`, not to `float16`, and `fp32` to `float32`.
  public static func nearest(to text: String, among names: some Sequence<String>) -> String? {
    // one that is far longer than every name is near to none; it may be a whole file
    guard text.utf8.count <= 2 * (names.lazy.map(\.utf8.count).max() ?? 0) else { return nil }
    let text = normalised(text)
    guard !text.isEmpty else { return nil }
    let number = number(of: text)
    if !number.isEmpty, let name = names.first(where: { $0.first == text.first && Self.number(of: $0) == number }) {
      return name
    }
    var best: (name: String, distance: Int)?
    for name in names {
      let distance = distance(Array(text), Array(normalised(name)))
      if distance <= max(1, name.count / 3), distance < best?.distance ?? .max { best = (name, distance) }
    }
    if let best, best.distance < text.count { return best.name }
    guard text.count >= 2 else { return nil }
    return names.first { $0.hasPrefix(text) || $0.split(separator: "-").contains { $0 == text } }
  }

  /// The digits at the end of a name.
  private static func number(of name: String) -> Substring {
    name.suffix(name.reversed().prefix { $0.isASCII && $0.isNumber }.count)
  }

  private static func normalised(_ name: String) -> String {
    String(name.lowercased().map { $0 == "_" ? "-" : $0 })
  }

  /// The least number of letters to insert, remove, replace or swap with a neighbour.
  private static func distance(_ source: [Character], _ target: [Character]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...target.count)
    for (row, letter) in source.enumerated() {
      var current = [row + 1]
      for (column, other) in target.enumerated() {
        var least = min(last[column] + (letter == other ? 0 : 1), last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, letter == target[column - 1], source[row - 1] == other {
          least = min(least, beforeLast[column - 1] + 1)
        }
        current.append(least)
      }
      (beforeLast, last) = (last, current)
    }
    return last[target.count]
  }
}
