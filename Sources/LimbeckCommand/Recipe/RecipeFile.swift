import ArgumentParser
import Diagnostics
import Foundation
import Yams

/// The settings of a run: flags over a YAML file over defaults.
///
/// Every setting is asked for once, by its flag's name, `batch-size`. That one line reads the file's value (as the
/// flag would be read), lets the flag win, makes the key known, and records the outcome for the run folder.
struct RecipeFile {
  let file: String
  var entries: [(key: String, line: Int, node: Node)]
  private var knownKeys: Set<String> = []
  private var overridden: Set<String> = []
  private var settled: [(Node, Node)] = []
  let places: RunPlaces?
  /// Keys whose paths are seen from the folder in which the recipe's run began.
  var movedKeys: [String] = []

  /// Reads `file`; without one there are only flags and defaults.
  init(contentsOf file: String?) throws(RecipeError) {
    self.file = file ?? ""
    entries = if let file { try Self.read(file) } else { [] }
    places = file.map(RunPlaces.init(ofRecipe:))
  }

  /// The folder from which the paths of `movedKeys` are seen.
  var workingFolder: String? { places?.workingFolder }

  /// Whether the file gives a value.
  func has(_ key: String) -> Bool { entries.contains { $0.key == key } }

  /// The flag, else the file's value, else nil.
  mutating func value<Value: ExpressibleByArgument>(
    _ key: String, _ flag: Value?
  ) throws(RecipeError) -> Value? {
    // The file's value is read even where the flag wins: a recipe is right as a whole, or refused.
    var found: Value?
    if let entry = entry(key) { found = try parsed(entry.node, key, line: entry.line) }
    if flag != nil { overridden.insert(key) }
    let value = flag ?? found
    if let value { record(key, Node(value.defaultValueDescription)) }
    return value
  }

  /// The flag, else the file's value, else `standard`.
  mutating func value<Value: ExpressibleByArgument>(
    _ key: String, _ flag: Value?, default standard: Value
  ) throws(RecipeError) -> Value {
    if let value = try value(key, flag) { return value }
    record(key, Node(standard.defaultValueDescription))
    return standard
  }

  /// The flag, else the file's value, one of which must be there.
  mutating func required<Value: ExpressibleByArgument>(
    _ key: String, _ flag: Value?
  ) throws(RecipeError) -> Value {
    guard let value = try value(key, flag) else { throw .missing(keys: [key]) }
    return value
  }

  /// The flag's texts, else the file's: one, or a list of them.
  mutating func list(_ key: String, _ flag: [String]) throws(RecipeError) -> [String] {
    var values: [String] = []
    if let entry = entry(key) {
      for node in entry.node.sequence.map(Array.init) ?? [entry.node] {
        values.append(try parsed(node, key, line: entry.line))
      }
    }
    if !flag.isEmpty { values = flag }
    if !values.isEmpty { record(key, Node(values.map { Node($0) })) }
    return values
  }

  /// The flag's texts, else the file's, of which there must be one.
  mutating func requiredList(_ key: String, _ flag: [String]) throws(RecipeError) -> [String] {
    let values = try list(key, flag)
    guard !values.isEmpty else { throw .missing(keys: [key]) }
    return values
  }

  /// Checks that each key is given, by its flag or by the file. Throws `missing` with all those that are not.
  func require(_ keys: KeyValuePairs<String, Bool>) throws(RecipeError) {
    let missing = keys.filter { key, isGiven in !isGiven && !has(key) }.map(\.key)
    if !missing.isEmpty { throw .missing(keys: missing) }
  }

  /// Forgets what the file says of some keys.
  mutating func forget(_ keys: String...) {
    knownKeys.formUnion(keys)
    entries.removeAll { keys.contains($0.key) }
  }

  /// Takes the file's value of one key as that of another.
  mutating func rename(_ key: String, to name: String) {
    for index in entries.indices where entries[index].key == key { entries[index].key = name }
  }

  /// Forgets the keys of the file that nothing has asked for, and returns them.
  mutating func leaveOutUnknown() -> [String] {
    let unknown = entries.map(\.key).filter { !knownKeys.contains($0) }
    entries.removeAll { unknown.contains($0.key) }
    return unknown
  }

  /// Whether the flag is given, or true in the file. It belongs to one call, not to the run, and is not recorded.
  mutating func flag(_ key: String, _ flag: Bool) throws(RecipeError) -> Bool {
    guard let entry = entry(key) else { return flag }
    let found: Bool = try parsed(entry.node, key, line: entry.line)
    return flag || found
  }

  /// Takes the file's value away where the flag of an alternative is given: `--epochs` over `steps`.
  mutating func drop(_ key: String, inFavourOf alternative: (some Any)?) {
    if alternative != nil { entries.removeAll { $0.key == key } }
  }

  /// Refuses a key of the file that nothing has asked for. Call it when every setting is settled.
  func finish() throws(RecipeError) {
    if let unknown = entries.first(where: { !knownKeys.contains($0.key) }) {
      throw .unknownKey(
        file: file, line: unknown.line, key: unknown.key,
        nearest: NearestName.nearest(to: unknown.key, among: knownKeys.sorted()))
    }
  }

  /// All settings, defaults included, as a recipe that gives them again.
  var yaml: String {
    get throws(RecipeError) {
      do { return try Yams.serialize(node: Node(settled), allowUnicode: true) } catch {
        throw .invalidYAML(file: "recipe.yaml", line: nil, reason: "\(error)")
      }
    }
  }

  /// The error for a value that is of the right type, but cannot be: it points at the file's line or at the flag,
  /// wherever the value comes from.
  func invalid(_ key: String, expected: String, found: String, advice: String? = nil) -> RecipeError {
    invalid(InvalidValue(key, expected: expected, found: found, advice: advice))
  }

  /// The same error, of a value whose key is the flag's name without the dashes.
  func invalid(_ value: InvalidValue) -> RecipeError {
    let entry = overridden.contains(value.key) ? nil : entries.first { $0.key == value.key }
    let found = InvalidValue(
      entry.map { "\(file), line \($0.line)" } ?? "", entry == nil ? "--\(value.key)" : value.key,
      expected: value.expected, found: value.found, advice: value.advice)
    return entry == nil ? .flag(found) : .value(found)
  }

  /// What the file gives, in its order: the texts of a list, or the one text of anything else.
  var texts: [(key: String, values: [String])] {
    entries.map { entry in
      (entry.key, (entry.node.sequence.map(Array.init) ?? [entry.node]).compactMap { $0.scalar?.string })
    }
  }

  private mutating func entry(_ key: String) -> (key: String, line: Int, node: Node)? {
    knownKeys.insert(key)
    return entries.first { $0.key == key }
  }

  private mutating func record(_ key: String, _ value: Node) { settled.append((Node(key), value)) }
}
