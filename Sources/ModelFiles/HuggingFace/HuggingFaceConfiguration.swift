import Diagnostics
public import DurableFiles
public import Foundation
import LanguageModels

/// A configuration file of a Hugging Face folder, as it is on disk: a JSON object whose members are read by key, with
/// errors that name file, key, what was expected and what was found. What a missing key means is the reader's to say.
public struct HuggingFaceConfiguration: Sendable {
  /// The file, as errors name it.
  public let file: String
  /// What errors put before a key: `rope_scaling.` where these are the members of that object; empty for the whole
  /// file.
  let scope: String
  let members: [String: JSONValue]

  /// Reads the file at `url`, by default in the dialect in which transformers reads and writes it. Throws `file`, also
  /// for a pointer of git-lfs, and `value` where the file is no JSON object.
  public init(contentsOf url: URL, dialect: JSONDialect = .python) throws(ModelFileError) {
    let file = try ModelFileError.wrapping { () throws(FileError) in
      let file = try MappedFile(contentsOf: url)
      try file.requireNoPointer()
      return file
    }
    try self.init(
      file.withBytes { bytes in bytes.withUnsafeBytes { Array($0) } }, file: url.path, dialect: dialect)
  }

  /// Reads JSON text; `file` is the name that errors use. Throws like `init(contentsOf:dialect:)`.
  public init(_ json: Data, file: String) throws(ModelFileError) {
    try self.init(Array(json), file: file, dialect: .python)
  }

  private init(_ json: [UInt8], file: String, dialect: JSONDialect) throws(ModelFileError) {
    let value = try ModelFileError.wrapping { () throws(FileError) in
      try JSONValue(parsing: json, file: file, dialect: dialect)
    }
    guard case .object(let members) = value else {
      throw .value(InvalidValue(file, "the whole file", expected: "a JSON object", found: value.description))
    }
    self.init(members, file: file)
  }

  init(_ members: [String: JSONValue], file: String, scope: String = "") {
    self.members = members
    self.file = file
    self.scope = scope
  }

  /// Members that lie in the object at `key` of this one, so that errors about them say so.
  func scoped(_ members: [String: JSONValue], under key: String) -> HuggingFaceConfiguration {
    HuggingFaceConfiguration(members, file: file, scope: "\(scope)\(key).")
  }

  /// Whether the file has the key, be it with the value `null`.
  public func contains(_ key: String) -> Bool { members[key] != nil }

  /// The same members, and `value` at `key` where the key is absent.
  public func filling(_ key: String, with value: JSONValue) -> HuggingFaceConfiguration {
    HuggingFaceConfiguration(members.merging([key: value]) { own, _ in own }, file: file, scope: scope)
  }

  /// The integer at `key`; `nil` where the key is absent or `null`. Throws `value` for anything else,
  /// and for an integer outside `range`.
  public func integer(_ key: String, in range: ClosedRange<Int>) throws(ModelFileError) -> Int? {
    guard let value = present(key) else { return nil }
    guard case .integer(let number) = value, range.contains(number) else {
      throw invalid(key, expected: "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// The integers at `key`, where one may stand without its array; `nil` where the key is absent or `null`. Throws
  /// `value` for anything else, and for integers outside `range`.
  public func integers(
    _ key: String, in range: ClosedRange<Int>, expected: String? = nil
  ) throws(ModelFileError) -> [Int]? {
    guard let value = present(key) else { return nil }
    let elements = if case .array(let elements) = value { elements } else { [value] }
    var numbers: [Int] = []
    for element in elements {
      guard case .integer(let number) = element, range.contains(number) else {
        throw invalid(key, expected: expected ?? "integers from \(range.lowerBound) to \(range.upperBound)")
      }
      numbers.append(number)
    }
    return numbers
  }

  /// The token ids at `key`, where one may stand without its array; those below 0 mean none, as in transformers. `nil`
  /// where the key is absent or `null`. Throws `value` for what are no integers.
  func tokenIDs(_ key: String) throws(ModelFileError) -> [Int]? {
    try integers(key, in: .min...DecoderConfiguration.sizeLimit, expected: "token ids")?.filter { $0 >= 0 }
  }

  /// The token ids at `key` that are integers, those below 0 left out, and what else stands there, as errors show it.
  func tokenIDsAndOthers(_ key: String) -> (ids: [Int], others: [String]) {
    guard let value = present(key) else { return ([], []) }
    let elements = if case .array(let elements) = value { elements } else { [value] }
    var (ids, others) = ([Int](), [String]())
    for element in elements {
      if case .integer(let id) = element, id <= DecoderConfiguration.sizeLimit {
        if id >= 0 { ids.append(id) }
      } else {
        others.append(element.description)
      }
    }
    return (ids, others)
  }

  /// The number at `key`; `nil` where the key is absent or `null`. Throws `value` for anything else, and
  /// where `accepts` says no; `expected` puts into words what it accepts.
  public func number(
    _ key: String, expected: String, where accepts: (Double) -> Bool
  ) throws(ModelFileError) -> Double? {
    let number: Double
    switch present(key) {
    case nil: return nil
    case .integer(let value): number = Double(value)
    case .number(let value): number = value
    default: throw invalid(key, expected: expected)
    }
    guard accepts(number) else { throw invalid(key, expected: expected) }
    return number
  }

  /// The numbers at `key`; `nil` where the key is absent or `null`. Throws `value` for anything else.
  func numbers(_ key: String) throws(ModelFileError) -> [Double]? {
    guard let value = present(key) else { return nil }
    guard case .array(let elements) = value else { throw invalid(key, expected: "an array of numbers") }
    var numbers: [Double] = []
    for element in elements {
      switch element {
      case .integer(let number): numbers.append(Double(number))
      case .number(let number): numbers.append(number)
      default: throw invalid(key, expected: "an array of numbers")
      }
    }
    return numbers
  }

  /// The factor at `key`, a number above 0; `nil` where the key is absent or `null`. Throws `value` for anything else.
  func factor(_ key: String) throws(ModelFileError) -> Double? {
    try number(key, expected: "a number above 0") { $0 > 0 && $0.isFinite }
  }

  /// The truth value at `key`; `nil` where the key is absent or `null`. Throws `value` for anything else.
  public func bool(_ key: String) throws(ModelFileError) -> Bool? {
    guard let value = present(key) else { return nil }
    guard case .bool(let truth) = value else { throw invalid(key, expected: "true or false") }
    return truth
  }

  /// The string at `key`; `nil` where the key is absent or `null`. Throws `value` for anything else.
  public func string(_ key: String) throws(ModelFileError) -> String? {
    guard let value = present(key) else { return nil }
    guard case .string(let text) = value else { throw invalid(key, expected: "a string") }
    return text
  }

  /// The strings at `key`; `nil` where the key is absent or `null`. Throws `value` for anything else.
  func strings(_ key: String) throws(ModelFileError) -> [String]? {
    guard let value = present(key) else { return nil }
    guard case .array(let elements) = value else { throw invalid(key, expected: "an array of strings") }
    var strings: [String] = []
    for element in elements {
      guard case .string(let text) = element else { throw invalid(key, expected: "an array of strings") }
      strings.append(text)
    }
    return strings
  }

  /// The object at `key`, of which `scoped(_:under:)` makes something that can be read like this; `nil` where the key
  /// is absent or `null`. Throws `value` for anything else.
  func object(_ key: String) throws(ModelFileError) -> [String: JSONValue]? {
    guard let value = present(key) else { return nil }
    guard case .object(let members) = value else { throw invalid(key, expected: "an object") }
    return members
  }

  /// The error for the value at `key`.
  func invalid(_ key: String, expected: String, advice: String? = nil) -> ModelFileError {
    .value(
      InvalidValue(
        file, scope + key, expected: expected, found: members[key]?.description ?? "nothing", advice: advice))
  }

  func present(_ key: String) -> JSONValue? {
    members[key] == .null ? nil : members[key]
  }
}
