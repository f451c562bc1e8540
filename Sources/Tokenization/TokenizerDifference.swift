import Diagnostics

/// The first thing in which two tokenizers differ.
public enum TokenizerDifference: Equatable, Sendable, CustomStringConvertible {
  /// The token with this id, or what belongs to it. Both sides are described in full.
  case token(id: Int32, teacher: String, student: String)
  /// The numbers of tokens, where all that both have are the same.
  case vocabularySize(teacher: Int, student: Int)
  /// A special id: BOS, EOS, PAD or unknown.
  case specialID(name: String, teacher: Int32?, student: Int32?)
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
    let (key, teacher, student) =
      switch self {
      case .token(let id, let teacher, let student): ("id \(id)", teacher, student)
      case .vocabularySize(let teacher, let student): ("tokens", "\(teacher)", "\(student)")
      case .specialID(let name, let teacher, let student):
        (name, teacher.map(String.init) ?? "none", student.map(String.init) ?? "none")
      case .setting(let name, let teacher, let student): (name, teacher, student)
      }
    return InvalidValue(
      place, key, expected: "\(teacher), as \(origin)", found: student, advice: advice
    ).description
  }
}

/// Proves that two tokenizers turn every text into the same ids. Throws `tokenizersDiffer` with the first difference,
/// token by token from id 0.
public func requireSameTokenizer(
  _ teacher: any Tokenizer, _ student: any Tokenizer
) throws(TokenizationError) {
  if teacher.digest == student.digest { return }
  for id in 0..<Int32(min(teacher.vocabularySize, student.vocabularySize))
  where !teacher.spelling(of: id).utf8.elementsEqual(student.spelling(of: id).utf8)
    || teacher.details(of: id) != student.details(of: id)
  {
    throw .tokenizersDiffer(.token(id: id, teacher: teacher.description(of: id), student: student.description(of: id)))
  }
  guard teacher.vocabularySize == student.vocabularySize else {
    throw .tokenizersDiffer(.vocabularySize(teacher: teacher.vocabularySize, student: student.vocabularySize))
  }
  for (ours, theirs) in zip(teacher.specialIDs, student.specialIDs) where ours.id != theirs.id {
    throw .tokenizersDiffer(.specialID(name: ours.name, teacher: ours.id, student: theirs.id))
  }
  let settings = (teacher.settingsByName, student.settingsByName)
  for name in (teacher.settings + student.settings).map(\.name) where settings.0[name] != settings.1[name] {
    throw .tokenizersDiffer(
      .setting(name: name, teacher: settings.0[name] ?? "absent", student: settings.1[name] ?? "absent"))
  }
  // What differs looks the same when it is written out.
  throw .tokenizersDiffer(
    .setting(name: "the digest", teacher: teacher.digest.hexadecimal, student: student.digest.hexadecimal))
}

extension Tokenizer {
  fileprivate func description(of id: Int32) -> String {
    let details = details(of: id).map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    return "\"\(spelling(of: id).escaped)\"" + (details.isEmpty ? "" : " (\(details))")
  }

  fileprivate var specialIDs: [(name: String, id: Int32?)] {
    [("BOS", bosID), ("EOS", eosID), ("PAD", padID), ("unknown", unknownID)]
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
