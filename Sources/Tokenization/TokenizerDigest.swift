import DurableFiles
import Foundation

/// What distinguishes a tokenizer from every other one: SHA-256 of its pieces, scores, kinds, special ids and normaliser.
/// Two files with the same digest turn every text into the same ids.
public struct TokenizerDigest: Hashable, Sendable, Codable, CustomStringConvertible {
  /// 64 lower-case hexadecimal digits.
  public let hexadecimal: String

  /// A digest read from a file, 64 lower-case hexadecimal digits.
  public init(hexadecimal: String) { self.hexadecimal = hexadecimal }

  /// The hexadecimal digits.
  public var description: String { hexadecimal }

  /// The digest is stored as the plain string.
  public init(from decoder: any Decoder) throws {
    hexadecimal = try decoder.singleValueContainer().decode(String.self)
  }

  /// The digest is stored as the plain string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(hexadecimal)
  }

  init(_ proto: ModelProto, specialIDs: [Int32?]) {
    var content = Data()
    func add(_ number: some FixedWidthInteger) {
      withUnsafeBytes(of: UInt64(truncatingIfNeeded: number).littleEndian) { content.append(contentsOf: $0) }
    }
    func add(_ bytes: some Collection<UInt8>) {
      add(bytes.count)
      content.append(contentsOf: bytes)
    }
    add("Limbeck tokenizer digest 1".utf8)
    add(proto.pieces.count)
    for id in proto.pieces.indices {
      add(proto.pieces[id].utf8)
      add(proto.scores[id].bitPattern)
      add(proto.kinds[id].rawValue)
    }
    for id in specialIDs { add(id ?? -1) }
    add(proto.normalizer.charactersMap)
    let flags = [
      proto.normalizer.addsDummyPrefix, proto.normalizer.removesExtraWhitespace, proto.normalizer.escapesWhitespace,
      proto.whitespaceIsSuffix, proto.byteFallback,
    ]
    for flag in flags { add(flag ? 1 : 0) }
    add(proto.modelType)
    add(proto.unknownSurface.utf8)
    hexadecimal = Digest.sha256(of: content)
  }
}

/// The first thing in which two tokenizers differ.
public enum TokenizerDifference: Equatable, Sendable, CustomStringConvertible {
  /// The piece with this id, or its score or kind. Both sides are described in full.
  case piece(id: Int32, teacher: String, student: String)
  /// The numbers of pieces, where all that both have are the same.
  case vocabularySize(teacher: Int, student: Int)
  /// A special id: BOS, EOS, PAD or unknown.
  case specialID(name: String, teacher: Int32?, student: Int32?)
  /// How text is prepared before it is cut into pieces.
  case normalizer(setting: String, teacher: String, student: String)

  /// One line for the user.
  public var description: String {
    let found =
      switch self {
      case .piece(let id, let teacher, let student):
        "id \(id) is \(teacher) for the teacher and \(student) for the student"
      case .vocabularySize(let teacher, let student):
        "the teacher has \(teacher) pieces, the student \(student)"
      case .specialID(let name, let teacher, let student):
        "\(name) is \(teacher.map(String.init) ?? "absent") for the teacher and "
          + "\(student.map(String.init) ?? "absent") for the student"
      case .normalizer(let setting, let teacher, let student):
        "the normalisers differ in \(setting): \(teacher) for the teacher, \(student) for the student"
      }
    return "teacher and student must have the same tokenizer, but \(found); "
      + "give the student the teacher's tokenizer.model"
  }
}

/// Proves that two tokenizers turn every text into the same ids. Throws `tokenizersDiffer` with the first difference,
/// piece by piece from id 0.
public func requireSameTokenizer(
  _ teacher: SentencePieceTokenizer, _ student: SentencePieceTokenizer
) throws(TokenizationError) {
  if teacher.digest == student.digest { return }
  func description(_ tokenizer: SentencePieceTokenizer, _ id: Int32) -> String {
    "\"\(tokenizer.piece(id).escaped)\" (\(tokenizer.kind(id)), score \(tokenizer.score(id)))"
  }
  for id in 0..<Int32(min(teacher.vocabularySize, student.vocabularySize))
  where !teacher.piece(id).utf8.elementsEqual(student.piece(id).utf8) || teacher.kind(id) != student.kind(id)
    || teacher.score(id).bitPattern != student.score(id).bitPattern
  {
    throw .tokenizersDiffer(.piece(id: id, teacher: description(teacher, id), student: description(student, id)))
  }
  guard teacher.vocabularySize == student.vocabularySize else {
    throw .tokenizersDiffer(.vocabularySize(teacher: teacher.vocabularySize, student: student.vocabularySize))
  }
  for (name, id) in [
    ("BOS", \SentencePieceTokenizer.bosID), ("EOS", \.eosID), ("PAD", \.padID), ("unknown", \.unknownID),
  ] where teacher[keyPath: id] != student[keyPath: id] {
    throw .tokenizersDiffer(.specialID(name: name, teacher: teacher[keyPath: id], student: student[keyPath: id]))
  }
  let settings = zip(teacher.proto.settings, student.proto.settings)
  guard let (ours, theirs) = settings.first(where: { $0.value != $1.value }) else {
    preconditionFailure("digests differ, but nothing that they are made of")
  }
  throw .tokenizersDiffer(.normalizer(setting: ours.name, teacher: ours.value, student: theirs.value))
}

extension ModelProto {
  /// What else turns text into ids, besides pieces and special ids.
  fileprivate var settings: [(name: String, value: String)] {
    [
      ("model_type", "\(modelType)"),
      ("byte_fallback", "\(byteFallback)"),
      ("add_dummy_prefix", "\(normalizer.addsDummyPrefix)"),
      ("remove_extra_whitespaces", "\(normalizer.removesExtraWhitespace)"),
      ("escape_whitespaces", "\(normalizer.escapesWhitespace)"),
      ("treat_whitespace_as_suffix", "\(whitespaceIsSuffix)"),
      (
        "precompiled_charsmap",
        "\(normalizer.charactersMap.count) bytes, SHA-256 \(Digest.sha256(of: Data(normalizer.charactersMap)))"
      ),
      ("unk_surface", "\"\(unknownSurface.escaped)\""),
    ]
  }
}

extension String {
  /// The text on one line, control characters escaped.
  fileprivate var escaped: String {
    unicodeScalars.map { $0.properties.generalCategory == .control ? $0.escaped(asASCII: true) : String($0) }.joined()
  }
}
