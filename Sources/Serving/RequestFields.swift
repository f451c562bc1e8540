import Diagnostics
import DurableFiles

/// The fields of a JSON object in a request. One that is null is as good as absent.
struct RequestFields {
  private let members: [String: JSONValue]
  /// What stands before the names of the fields in errors: `messages[1].`, or nothing.
  private let path: String

  /// The fields of a body. Throws where it is no JSON object.
  init(body: [UInt8]) throws(ServerError) {
    let value: JSONValue
    do throws(FileError) { value = try JSONValue(parsing: body, file: "the request's body") } catch {
      throw ServerError(status: 400, message: error.description, code: "invalid_json")
    }
    guard case .object(let members) = value else {
      throw ServerError(
        status: 400, message: "the request's body: expected a JSON object, found \(value)", code: "invalid_json")
    }
    self.init(members, path: "")
  }

  /// The fields of an object within another.
  init(_ members: [String: JSONValue], path: String) {
    self.members = members.filter { $0.value != .null }
    self.path = path
  }

  /// A field's value; nil where it is absent.
  subscript(_ name: String) -> JSONValue? { members[name] }

  /// The name of a field in errors.
  func path(of name: String) -> String { path + name }

  /// Throws for the first field, by name, that is none of these.
  func refuseOthers(than names: [String]) throws(ServerError) {
    guard let unknown = members.keys.filter({ !names.contains($0) }).min() else { return }
    let shown = path(of: unknown.shortened)
    throw ServerError(
      status: 400,
      message: "Unrecognized request argument supplied: \(shown)" + NearestName.advice(for: unknown, among: names),
      param: shown, code: "unknown_parameter")
  }

  /// The error for a field that has another value than was expected.
  func error(_ name: String, expected: String) -> ServerError {
    .invalid(path(of: name), expected: expected, found: members[name]?.description ?? "none")
  }

  /// A whole number in a range.
  func integer(_ name: String, in range: ClosedRange<Int> = .min ... .max) throws(ServerError) -> Int? {
    guard let value = members[name] else { return nil }
    guard case .integer(let number) = value, range.contains(number) else {
      let isBounded = range.upperBound < .max
      throw error(
        name,
        expected: range.lowerBound == .min
          ? "a whole number"
          : "a whole number "
            + (isBounded ? "from \(range.lowerBound) to \(range.upperBound)" : "of at least \(range.lowerBound)"))
    }
    return number
  }

  /// A number.
  func number(_ name: String) throws(ServerError) -> Double? {
    switch members[name] {
    case nil: nil
    case .integer(let value): Double(value)
    case .number(let value): value
    default: throw error(name, expected: "a number")
    }
  }

  /// true or false; false where it is absent.
  func bool(_ name: String) throws(ServerError) -> Bool {
    switch members[name] {
    case nil: false
    case .bool(let value): value
    default: throw error(name, expected: "true or false")
    }
  }

  /// A text.
  func string(_ name: String) throws(ServerError) -> String? {
    switch members[name] {
    case nil: nil
    case .string(let value): value
    default: throw error(name, expected: "a string")
    }
  }

  /// The fields of an object.
  func object(_ name: String) throws(ServerError) -> RequestFields? {
    switch members[name] {
    case nil: nil
    case .object(let members): RequestFields(members, path: path(of: name) + ".")
    default: throw error(name, expected: "an object")
    }
  }
}

extension String {
  /// What an error shows of a name that a client has made up: 80 characters at most.
  var shortened: String {
    guard let end = index(startIndex, offsetBy: 80, limitedBy: endIndex), end < endIndex else { return self }
    return prefix(77) + "..."
  }
}
