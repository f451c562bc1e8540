import Foundation

/// Numbers as the report's readers see them; the same in every locale. What is unknown is a dash.
enum Figures {
  static let unknown = "–"

  /// With `digits` after the point.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "?" : value < 0 ? "−∞" : "∞" }
    return value.formatted(style.precision(.fractionLength(digits))).replacing("-", with: "−")
  }

  /// With about three significant digits.
  static func short(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return fixed(value, 0) }
    return fixed(value, max(0, 2 - Int(log10(abs(value)).rounded(.down))))
  }

  /// A whole number in groups of three digits.
  static func count(_ value: Int) -> String { value.formatted(.number.locale(locale)).replacing("-", with: "−") }

  /// Up to three significant digits, with `k`, `M` or `G` for thousands, millions or thousands of millions.
  static func compact(_ value: Double) -> String {
    let (unit, name) = [(1e9, "G"), (1e6, "M"), (1e3, "k")].first { abs(value) >= $0.0 } ?? (1, "")
    let scaled = value / unit
    let digits = abs(scaled) >= 100 ? 0 : abs(scaled) >= 10 ? 1 : 2
    return scaled.formatted(style.precision(.fractionLength(0...digits))).replacing("-", with: "−") + name
  }

  /// A part of one, in per cent.
  static func percent(_ value: Double, _ digits: Int) -> String { fixed(100 * value, digits) + "\u{202F}%" }

  /// Bytes with a binary unit.
  static func bytes(_ count: Int) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    let power = count > 0 ? min(units.count - 1, Int(log2(Double(count)) / 10)) : 0
    return fixed(Double(count) / pow(1024, Double(power)), power == 0 ? 0 : 1) + "\u{202F}" + units[power]
  }

  /// Seconds as `48 s`, `5 min 31 s` or `2 h 5 min`.
  static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e12 else { return unknown }
    let whole = Int(seconds.rounded())
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    if hours > 0 { return "\(hours) h \(minutes) min" }
    return minutes > 0 ? "\(minutes) min \(rest) s" : "\(rest) s"
  }

  /// A mean with as many digits as its standard error, of which two are shown.
  static func estimate(_ mean: Double, _ standardError: Double, unit: String = "") -> Markup {
    let isExact = standardError == 0 || !standardError.isFinite
    let digits = isExact ? 4 : min(6, max(0, 1 - Int(log10(standardError).rounded(.down))))
    return "\(fixed(mean, digits)) <span class=\"error\">± \(fixed(standardError, digits))\(unit)</span>"
  }

  /// A number of a style or a drawing, with at most one digit after the point.
  static func coordinate(_ value: Double) -> String {
    // far outside of any drawing
    let bounded = min(max(value, -1e6), 1e6)
    let tenths = Int((bounded * 10).rounded())
    return tenths.isMultiple(of: 10) ? "\(tenths / 10)" : "\(Double(tenths) / 10)"
  }

  private static let locale = Locale(identifier: "en_US")
  private static let style = FloatingPointFormatStyle<Double>.number.locale(locale)
}
