/// A JSON value.
public enum JSONValue: Equatable, Sendable {
  /// null
  case null
  /// true or false
  case bool(Bool)
  /// A number without fraction or exponent that fits.
  case integer(Int)
  /// Any other number; finite, unless a text in Python's dialect says otherwise.
  case number(Double)
  /// Text.
  case string(String)
  /// A list.
  case array([JSONValue])
  /// Values by key.
  case object([String: JSONValue])

  /// Parses UTF-8 text; strictly, if nothing else is said. `file` is for errors. Throws `invalidJSON` or
  /// `duplicateKey`.
  public init(parsing bytes: [UInt8], file: String, dialect: JSONDialect = .strict) throws(FileError) {
    self = try JSONParser.parse(bytes, file: file, dialect: dialect)
  }
}

/// What counts as JSON.
public enum JSONDialect: Sendable {
  /// RFC 8259; two members with the same key are an error.
  case strict
  /// As `strict`, but numbers that are not finite (`NaN`, `Infinity`, 1e999) are null, as data frames write what is
  /// missing.
  case rows
  /// What Python's `json` module reads, and writes by default: also `NaN`, `Infinity` and `-Infinity`; of members with
  /// the same key the last counts; half a surrogate pair becomes U+FFFD.
  case python
}

extension JSONValue: CustomStringConvertible {
  /// What an error message shows: compact JSON, cut to a line's length.
  public var description: String {
    let full = text()
    return full.count <= 80 ? full : full.prefix(77) + "..."
  }

  /// JSON text with the keys of objects sorted; `indentation` is the number of spaces per level, and `nil` puts
  /// everything on one line.
  public func text(indentation: Int? = nil) -> String {
    var result = ""
    append(to: &result, indentation: indentation, depth: 0)
    return result
  }

  private func append(to text: inout String, indentation: Int?, depth: Int) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    // spelled as Python does where it is not finite; nothing here writes such a number into a file
    case .number(let value):
      text += value.isFinite ? value.description : value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity"
    case .string(let value): text += Self.quoted(value)
    case .array(let elements):
      Self.appendList(elements, "[", "]", to: &text, indentation: indentation, depth: depth) { element, text in
        element.append(to: &text, indentation: indentation, depth: depth + 1)
      }
    case .object(let members):
      let sorted = members.sorted { $0.key < $1.key }
      Self.appendList(sorted, "{", "}", to: &text, indentation: indentation, depth: depth) { member, text in
        text += Self.quoted(member.key) + (indentation == nil ? ":" : ": ")
        member.value.append(to: &text, indentation: indentation, depth: depth + 1)
      }
    }
  }

  private static func appendList<Item>(
    _ items: [Item], _ opening: String, _ closing: String, to text: inout String, indentation: Int?, depth: Int,
    appendItem: (Item, inout String) -> Void
  ) {
    text += opening
    for (index, item) in items.enumerated() {
      if index > 0 { text += "," }
      if let indentation { text += "\n" + String(repeating: " ", count: indentation * (depth + 1)) }
      appendItem(item, &text)
    }
    if let indentation, !items.isEmpty { text += "\n" + String(repeating: " ", count: indentation * depth) }
    text += closing
  }

  /// `string` as a JSON string literal.
  public static func quoted(_ string: String) -> String {
    var result = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case ..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
