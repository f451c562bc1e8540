import Foundation

/// Numbers as a person reads them; the same in every locale.
enum Format {
  /// With `digits` after the point.
  static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

  /// A loss, with four digits after the point, or three that count where it is small.
  static func loss(_ value: Double) -> String {
    abs(value) < 0.01 && value != 0 ? String(format: "%.3g", value) : fixed(value, 4)
  }

  /// Tokens a second, with a digit after the point, or three that count where they are few or beyond all machines.
  static func speed(_ value: Double) -> String {
    value >= 1 && value < 1e7 ? fixed(value, 1) : String(format: "%.3g", value)
  }

  /// An integer in groups of three digits.
  static func count(_ value: Int) -> String {
    let digits = Array(String(value.magnitude))
    let grouped = digits.indices.reduce(into: "") { text, index in
      if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
      text.append(digits[index])
    }
    return (value < 0 ? "-" : "") + grouped
  }

  /// As `count`, and what it counts: "1 step", "1,200 steps". The plural of `noun` ends in s.
  static func count(_ value: Int, _ noun: String) -> String { "\(count(value)) \(noun)\(value == 1 ? "" : "s")" }

  /// Seconds as `0:07`, `12:34` or `1:02:03`.
  static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
    let whole = Int(seconds.rounded())
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return hours > 0 ? "\(hours):\(two(minutes)):\(two(whole % 60))" : "\(minutes):\(two(whole % 60))"
  }

  /// Bytes with a binary unit, `1.5 GiB`.
  static func bytes(_ count: Int) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var (value, unit) = (Double(count), 0)
    while value >= 1024, unit + 1 < units.count { (value, unit) = (value / 1024, unit + 1) }
    return "\(unit == 0 ? "\(count)" : fixed(value, 1)) \(units[unit])"
  }
}

/// Rows of text in aligned columns: the first one to the left, the others to the right.
struct TextTable {
  var rows: [[String]]

  /// The columns of a screen that it takes.
  var width: Int { widths.reduce(0, +) + 2 * max(0, widths.count - 1) }

  private var widths: [Int] {
    (0..<(rows.map(\.count).max() ?? 0)).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
  }

  var text: String {
    let widths = widths
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + padding : padding + cell
      }
      return cells.joined(separator: "  ").trimmingTrailingSpaces + "\n"
    }.joined()
  }
}

/// Names and values, one pair a line.
struct FactList {
  private var facts: [(name: String, value: String)] = []

  mutating func add(_ name: String, _ value: String) { facts.append((name, value)) }

  var text: String {
    let width = facts.map(\.name.count).max() ?? 0
    return facts.map { name, value in
      (name + String(repeating: " ", count: width - name.count) + "  " + value).trimmingTrailingSpaces + "\n"
    }.joined()
  }
}

extension String {
  fileprivate var trimmingTrailingSpaces: String { String(reversed().drop { $0 == " " }.reversed()) }
}
