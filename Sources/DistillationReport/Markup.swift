/// A part of HTML or SVG, written as an interpolated literal. The literal's own text is markup; whatever is
/// interpolated is escaped unless it is markup itself, so that what a model wrote, or a path, cannot become a tag or an
/// attribute.
struct Markup: ExpressibleByStringInterpolation, Sendable, Equatable {
  /// The characters of the document.
  private(set) var text: String

  init(stringLiteral text: String) { self.text = text }

  init(stringInterpolation: Interpolation) { text = stringInterpolation.text }

  /// Plain text.
  init(_ text: some StringProtocol) { self.text = Self.escaped(text) }

  static let none: Markup = ""

  static func + (first: Markup, second: Markup) -> Markup { Markup(stringLiteral: first.text + second.text) }

  static func += (first: inout Markup, second: Markup) { first.text += second.text }

  /// Text as HTML has it, in content and in quoted attributes alike. Characters that HTML forbids become U+FFFD.
  private static func escaped(_ text: some StringProtocol) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
      case "'": result.append(contentsOf: "&#39;".unicodeScalars)
      case "\n", "\t": result.append(scalar)
      case "\r": break
      case _ where scalar.properties.generalCategory == .control: result.append("\u{FFFD}")
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}

extension Markup {
  /// Escapes what is interpolated.
  struct Interpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ literal: String) { text += literal }

    mutating func appendInterpolation(_ value: some StringProtocol) { text += Markup.escaped(value) }

    mutating func appendInterpolation(_ value: Int) { text += String(value) }

    mutating func appendInterpolation(_ markup: Markup) { text += markup.text }

    /// Nothing for `nil`.
    mutating func appendInterpolation(_ markup: Markup?) { text += markup?.text ?? "" }

    /// One after another.
    mutating func appendInterpolation(_ parts: some Sequence<Markup>) { for part in parts { text += part.text } }
  }
}
