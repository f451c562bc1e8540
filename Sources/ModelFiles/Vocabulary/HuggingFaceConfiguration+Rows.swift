import DurableFiles
import Foundation
import LanguageModels

extension HuggingFaceConfiguration {
  /// The text of a config.json with fewer rows of embedding and head; all that has nothing to do with ids stays. Throws
  /// `value` where a token that is needed has no row, and where the file cannot say what it should.
  func json(keeping rows: VocabularyRows) throws(ModelFileError) -> Data {
    let expected = try rows.reduced(DecoderConfiguration(self), file: file)
    var members = rows.mapped(members)
    let own: [String: JSONValue?] = [
      "vocab_size": .integer(rows.keptIDs.count), "bos_token_id": expected.bosTokenID.map { .integer($0) },
      "eos_token_id": expected.eosTokenIDs.isEmpty ? nil : .ids(expected.eosTokenIDs),
      "pad_token_id": expected.padTokenID.map { .integer($0) },
    ]
    // where the language model is a part of another, its sizes are in an object of their own
    let scope = try languageModel().scope.split(separator: ".").first.map(String.init)
    if let scope, case .object(let part) = members[scope] {
      members[scope] = .object(part.merging(own.compactMapValues(\.self)) { $1 })
    } else {
      members.merge(own.compactMapValues(\.self)) { $1 }
    }
    let found = try DecoderConfiguration(HuggingFaceConfiguration(members, file: file))
    guard found == expected else {
      throw invalid("vocab_size", expected: "a file that can say \(expected) with a smaller vocabulary")
    }
    return Self.text(members)
  }

  /// The text of a generation_config.json with fewer rows.
  func generationJSON(keeping rows: VocabularyRows) -> Data { Self.text(rows.mapped(members)) }

  private static func text(_ members: [String: JSONValue]) -> Data {
    Data((JSONValue.object(members).text(indentation: 2) + "\n").utf8)
  }
}

extension VocabularyRows {
  /// Members of a file of transformers with new ids: those of keys such as `eos_token_id`, `image_token_index` and
  /// `suppress_tokens`. Ids of tokens that are left out go; those beyond the vocabulary stay, as they are of no token.
  /// Rules about sequences of ids go, too: of words that are cut otherwise now they say nothing.
  fileprivate func mapped(_ members: [String: JSONValue]) -> [String: JSONValue] {
    var result: [String: JSONValue] = [:]
    for (key, value) in members {
      if Self.sequenceRules.contains(key) { continue }
      if case .object(let inner) = value {
        result[key] = .object(mapped(inner))
      } else if Self.hasIDs(key) {
        result[key] = mapped(value)
      } else {
        result[key] = value
      }
    }
    return result
  }

  /// Of transformers' `GenerationConfig`.
  private static let sequenceRules: Set = [
    "bad_words_ids", "force_words_ids", "forced_decoder_ids", "sequence_bias", "constraints",
  ]

  private static func hasIDs(_ key: String) -> Bool {
    ["_token_id", "_token_ids", "_token_index", "suppress_tokens"].contains { key.hasSuffix($0) }
  }

  private func mapped(_ value: JSONValue) -> JSONValue? {
    switch value {
    case .integer(let id) where (0..<tokenCount).contains(id): newID(of: id).map { .integer($0) }
    case .array(let ids): .array(ids.compactMap(mapped))
    default: value
    }
  }
}
