import DurableFiles
import Foundation

extension TokenizerJSONText {
  /// The file with the tokens of a reduction alone: vocabulary, merges, added tokens and whatever else has ids. All
  /// other members stay as they are. Throws what is wrong with the file.
  func reduced(by reduction: VocabularyReduction) throws(TokenizationError) -> Data {
    let json = try TokenizerJSON(self)
    var content = Data("{".utf8)
    for (index, (key, range)) in members.sorted(by: { $0.key < $1.key }).enumerated() {
      content += (index == 0 ? "" : ",\n").utf8
      content += "\(JSONValue.quoted(key)):".utf8
      switch key {
      case "model": content += try model(at: range, json, reduction)
      case "added_tokens":
        content += JSONValue.array(json.addedTokens.compactMap { Self.reduced($0, by: reduction) }).text().utf8
      case "post_processor": content += Self.mapped(json.postProcessor, by: reduction).text().utf8
      case "padding": content += Self.mapped(try value(at: range), by: reduction).text().utf8
      default: content += bytes[range]
      }
    }
    content += "}\n".utf8
    return content
  }

  /// The object `model`.
  private func model(
    at range: Range<Int>, _ json: TokenizerJSON, _ reduction: VocabularyReduction
  ) throws(TokenizationError) -> Data {
    let members = try JSONByteReader(bytes, file: file, at: range).members()
    var content = Data("{".utf8)
    for (index, (key, range)) in members.sorted(by: { $0.key < $1.key }).enumerated() {
      content += (index == 0 ? "" : ",").utf8
      content += "\(JSONValue.quoted(key)):".utf8
      switch key {
      case "vocab": content += vocabulary(json, reduction)
      case "merges" where json.merges != nil: content += merges(at: range, json, reduction)
      case "unk_id": content += Self.mapped(try value(at: range), by: reduction).text().utf8
      default: content += bytes[range]
      }
    }
    content += "}".utf8
    return content
  }

  private func vocabulary(_ json: TokenizerJSON, _ reduction: VocabularyReduction) -> Data {
    let scores = json.vocabulary.scores
    var content = Data((scores == nil ? "{" : "[").utf8)
    var isFirst = true
    for id in reduction.keptIDs {
      guard let piece = json.vocabulary.bytes(of: id), let new = reduction.newID(of: id) else { continue }
      content += (isFirst ? "\n" : ",\n").utf8
      let name = Self.quoted(piece)
      content += (scores.map { "[\(name),\(JSONValue.number($0[Int(id)]).text())]" } ?? "\(name):\(new)").utf8
      isFirst = false
    }
    content += (scores == nil ? "}" : "]").utf8
    return content
  }

  /// The merges of which all three tokens are kept, in their order, as the file spells them.
  private func merges(at range: Range<Int>, _ json: TokenizerJSON, _ reduction: VocabularyReduction) -> Data {
    let first = bytes[range].dropFirst().first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    let isList = first == UInt8(ascii: "[")
    var content = Data("[".utf8)
    var isFirst = true
    for merge in json.merges ?? [] {
      guard [merge.left, merge.right, merge.merged].allSatisfy({ reduction.newID(of: $0) != nil }) else { continue }
      let halves = [merge.left, merge.right].map { json.vocabulary.bytes(of: $0) ?? [] }
      content += (isFirst ? "\n" : ",\n").utf8
      content +=
        (isList
        ? "[\(Self.quoted(halves[0])),\(Self.quoted(halves[1]))]"
        : Self.quoted((halves[0] + [UInt8(ascii: " ")] + halves[1])[...])).utf8
      isFirst = false
    }
    content += "]".utf8
    return content
  }

  private static func quoted(_ piece: ArraySlice<UInt8>) -> String {
    JSONValue.quoted(String(decoding: piece, as: UTF8.self))
  }

  /// An added token with its new id; nil where it is left out.
  private static func reduced(_ token: JSONValue, by reduction: VocabularyReduction) -> JSONValue? {
    guard case .object(var fields) = token, case .integer(let id) = fields["id"], let new = reduction.newID(of: id)
    else { return nil }
    fields["id"] = .integer(new)
    return .object(fields)
  }

  /// A value with new ids wherever huggingface/tokenizers keeps ids: `ids` of special tokens, `pad_id`, and the pairs
  /// of a token and its id at `sep` and `cls`. A bare number is one, too.
  private static func mapped(_ value: JSONValue, by reduction: VocabularyReduction) -> JSONValue {
    func new(_ id: JSONValue) -> JSONValue {
      if case .integer(let number) = id, let new = reduction.newID(of: number) { .integer(new) } else { id }
    }
    switch value {
    case .integer: return new(value)
    case .array(let elements):
      return .array(
        elements.map { if case .integer = $0 { $0 } else { mapped($0, by: reduction) } })
    case .object(let members):
      return .object(
        Dictionary(
          uniqueKeysWithValues: members.map { key, value in
            switch (key, value) {
            case ("ids", .array(let ids)): (key, .array(ids.map(new)))
            case ("pad_id", _): (key, new(value))
            case ("sep", .array(let pair)), ("cls", .array(let pair)): (key, .array(pair.map(new)))
            case (_, .integer): (key, value)
            default: (key, mapped(value, by: reduction))
            }
          }))
    default: return value
    }
  }
}
