import Diagnostics

/// The first thing in which two tokenizers differ.
public enum TokenizerDifference: Equatable, Sendable, CustomStringConvertible {
  /// The token with this id, or what belongs to it. Both sides are described in full.
  case token(id: Int32, teacher: String, student: String)
  /// The numbers of tokens, where all that both have are the same.
  case vocabularySize(teacher: Int, student: Int)
  /// The id of what the vocabulary lacks.
  case unknownID(teacher: Int32?, student: Int32?)
  /// The vocabularies, where one or both were reduced, not in the same way. Both sides are described.
  case reduced(teacher: String, student: String)
  /// What else turns text into ids, such as how text is prepared before it is cut into tokens.
  case setting(name: String, teacher: String, student: String)

  /// One line for the user.
  public var description: String {
    description(
      "the student's tokenizer", as: "for the teacher", advice: "give the student the teacher's tokenizer")
  }

  /// One line for the user that names both models, such as by their paths.
  public func description(student: String, teacher: String) -> String {
    description(student, as: "in \(teacher)", advice: "both need the same tokenizer")
  }

  private func description(_ place: String, as origin: String, advice: String) -> String {
    var advice = advice
    let (key, teacher, student) =
      switch self {
      case .token(let id, let teacher, let student): ("id \(id)", teacher, student)
      case .vocabularySize(let teacher, let student): ("tokens", "\(teacher)", "\(student)")
      case .unknownID(let teacher, let student):
        ("unknown", teacher.map(String.init) ?? "none", student.map(String.init) ?? "none")
      case .reduced(let teacher, let student): ("tokens", teacher, student)
      case .setting(let name, let teacher, let student): (name, teacher, student)
      }
    if case .reduced = self { advice = "cut the student out of the reduced model, or reduce both for the same text" }
    return InvalidValue(
      place, key, expected: "\(teacher), as \(origin)", found: student, advice: advice
    ).description
  }
}

/// A token that has another id, or none, in one of two tokenizers that turn text into the same ids: what begins a text,
/// what ends one, or what fills up batches.
public struct SpecialIDDifference: Hashable, Sendable {
  /// BOS, EOS or PAD.
  public var name: String
  /// The teacher's id with its text, such as `2 ("</s>")`, or `none`.
  public var teacher: String
  /// The student's.
  public var student: String

  /// One sentence for the user that names both models, such as by their paths, and whose id is used: the first one's.
  public func description(student: String, teacher: String) -> String {
    InvalidValue(
      student, name, expected: "\(self.teacher), as in \(teacher)", found: self.student,
      advice: "that of \(teacher) is used"
    ).description
  }
}

/// Proves that two tokenizers turn every text into the same ids. Which of them begin and end a text and fill up batches
/// may differ, for models that have been tuned end their answers otherwise.
/// - Returns: the differences in BOS, EOS and PAD.
/// - Throws: `tokenizersDiffer` with the first other difference, token by token from id 0.
@discardableResult
public func requireSameTokenizer(
  _ teacher: any Tokenizer, _ student: any Tokenizer
) throws(TokenizationError) -> [SpecialIDDifference] {
  let differences = zip(teacher.specialIDs, student.specialIDs).filter { $0.id != $1.id }.map {
    SpecialIDDifference(name: $0.name, teacher: teacher.name(of: $0.id), student: student.name(of: $1.id))
  }
  if teacher.digest == student.digest { return differences }
  let origins = (teacher.origin, student.origin)
  guard origins.0 == nil, origins.1 == nil else {
    throw .tokenizersDiffer(
      .reduced(teacher: teacher.size(from: origins.0), student: student.size(from: origins.1)))
  }
  for id in 0..<Int32(min(teacher.vocabularySize, student.vocabularySize))
  where !teacher.spelling(of: id).utf8.elementsEqual(student.spelling(of: id).utf8)
    || teacher.details(of: id) != student.details(of: id)
  {
    throw .tokenizersDiffer(.token(id: id, teacher: teacher.description(of: id), student: student.description(of: id)))
  }
  guard teacher.vocabularySize == student.vocabularySize else {
    throw .tokenizersDiffer(.vocabularySize(teacher: teacher.vocabularySize, student: student.vocabularySize))
  }
  guard teacher.unknownID == student.unknownID else {
    throw .tokenizersDiffer(.unknownID(teacher: teacher.unknownID, student: student.unknownID))
  }
  let settings = (teacher.settingsByName, student.settingsByName)
  for name in (teacher.settings + student.settings).map(\.name) where settings.0[name] != settings.1[name] {
    throw .tokenizersDiffer(
      .setting(name: name, teacher: settings.0[name] ?? "absent", student: settings.1[name] ?? "absent"))
  }
  // What differs looks the same when it is written out.
  guard !differences.isEmpty else {
    throw .tokenizersDiffer(
      .setting(name: "the digest", teacher: teacher.digest.hexadecimal, student: student.digest.hexadecimal))
  }
  return differences
}

extension Tokenizer {
  fileprivate func description(of id: Int32) -> String {
    let details = details(of: id).map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    return "\"\(spelling(of: id).escaped)\"" + (details.isEmpty ? "" : " (\(details))")
  }

  fileprivate var specialIDs: [(name: String, id: Int32?)] {
    [("BOS", bosID), ("EOS", eosID), ("PAD", padID)]
  }

  /// The number of tokens, and what they were reduced from.
  fileprivate func size(from origin: VocabularyOrigin?) -> String {
    VocabularyOrigin(digest: digest, tokenCount: vocabularySize).description
      + (origin.map { ", reduced from \($0)" } ?? "")
  }

  /// A special id with its text; `none` without one.
  fileprivate func name(of id: Int32?) -> String {
    id.map { "\($0) (\"\(spelling(of: $0).escaped)\")" } ?? "none"
  }

  fileprivate var settingsByName: [String: String] {
    Dictionary(settings.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
  }
}

extension String {
  /// The text on one line, control characters escaped.
  var escaped: String {
    unicodeScalars.map { $0.properties.generalCategory == .control ? $0.escaped(asASCII: true) : String($0) }.joined()
  }
}
