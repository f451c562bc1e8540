public import Diagnostics
import DurableFiles

/// The metadata of a GGUF file: values by key, with errors that name file, key, what was expected and what was found.
public struct GGUFMetadata: Sendable {
  /// The file, as errors name it.
  public let file: String
  /// The values by their keys.
  public let values: [String: GGUFValue]
  /// The same in the order of the file, as they lie there, to be written into another one.
  public let stored: [GGUFStoredValue]

  /// The value at `key`; nil where there is none.
  public subscript(key: String) -> GGUFValue? { values[key] }

  /// The integer at `key`; nil where there is none. Throws `value` for anything else and outside `range`.
  public func integer(_ key: String, in range: ClosedRange<Int>) throws(GGUFError) -> Int? {
    guard let value = values[key] else { return nil }
    guard case .integer(let number) = value, range.contains(number) else {
      throw .value(invalid(key, expected: "an integer from \(range.lowerBound) to \(range.upperBound)"))
    }
    return number
  }

  /// The token id at `key`; nil where there is none. −1, as 32 bits with a sign or without, is none, too
  /// (`LLAMA_TOKEN_NULL`). What lies beyond the vocabulary is for the caller to leave out, as llama.cpp does ("bad
  /// special token" in llama-vocab.cpp). Throws `value` for what is no id.
  public func tokenID(_ key: String) throws(GGUFError) -> Int? {
    let id = try integer(key, in: -1...Int(UInt32.max))
    return id == -1 || id == Int(UInt32.max) ? nil : id
  }

  /// The number at `key`; nil where there is none. Throws `value` for anything else and where `accepts` says no.
  public func number(
    _ key: String, expected: String, where accepts: (Double) -> Bool
  ) throws(GGUFError) -> Double? {
    let number: Double
    switch values[key] {
    case nil: return nil
    case .integer(let value): number = Double(value)
    case .number(let value): number = value
    default: throw .value(invalid(key, expected: expected))
    }
    guard accepts(number) else { throw .value(invalid(key, expected: expected)) }
    return number
  }

  /// The truth value at `key`; nil where there is none. Throws `value` for anything else.
  public func bool(_ key: String) throws(GGUFError) -> Bool? {
    guard let value = values[key] else { return nil }
    guard case .bool(let truth) = value else { throw .value(invalid(key, expected: "true or false")) }
    return truth
  }

  /// The string at `key`; nil where there is none. Throws `value` for anything else.
  public func string(_ key: String) throws(GGUFError) -> String? {
    guard let value = values[key] else { return nil }
    guard case .string(let text) = value else { throw .value(invalid(key, expected: "a string")) }
    return text
  }

  /// The array at `key`; nil where there is none. Throws `value` for anything else.
  public func array(_ key: String) throws(GGUFError) -> GGUFArray? {
    guard let value = values[key] else { return nil }
    guard case .array(let array) = value else { throw .value(invalid(key, expected: "an array")) }
    return array
  }

  /// The sentence about the value at `key`.
  public func invalid(_ key: String, expected: String, advice: String? = nil) -> InvalidValue {
    InvalidValue(file, key, expected: expected, found: values[key]?.description ?? "nothing", advice: advice)
  }
}

extension GGUFValue: CustomStringConvertible {
  /// As errors show it.
  public var description: String {
    switch self {
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .bool(let value): "\(value)"
    case .string(let value): JSONValue.quoted(value)
    case .array(let array): "an array of \(array.count)"
    }
  }
}
