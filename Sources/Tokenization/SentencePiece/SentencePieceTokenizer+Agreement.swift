import DurableFiles
import Foundation

extension SentencePieceTokenizer {
  /// Checks that a `tokenizer.json` beside the tokenizer's own file is the same tokenizer, as far as the vocabularies
  /// and the space in front of text say so. (The merges of a BPE follow from the vocabulary. Of added tokens a model
  /// file knows nothing.) More or fewer special and unused ids are no difference.
  /// - Parameters:
  ///   - json: the file beside it, whose merges are not needed.
  ///   - file: the tokenizer's own.
  ///   - comparesPrefix: whether the space in front of text counts.
  /// - Throws: `value`, which names both files and the first difference.
  func requireAgreement(with json: TokenizerJSON, file: String, comparesPrefix: Bool) throws(TokenizationError) {
    func disagreement(_ key: String, expected: String, found: String) -> TokenizationError {
      json.invalid(
        key, expected: "\(expected), as in \(file)", found: found,
        advice: "the folder has two tokenizers that disagree; remove the one that is not the model's")
    }
    let type = proto.modelType == 1 ? "Unigram" : proto.modelType == 2 ? "BPE" : nil
    if let type, let found = json.modelType, found != type {
      throw disagreement("model.type", expected: type, found: found)
    }
    for id in 0..<Int32(max(vocabularySize, json.vocabulary.idEnd)) {
      let piece = json.vocabulary.bytes(of: id)
      let isText = isKnown(id) && [.normal, .byte, .userDefined].contains(kind(id))
      guard let piece else {
        // a smaller vocabulary lacks what was added or never used
        guard isText, kind(id) != .userDefined else { continue }
        throw disagreement("id \(id)", expected: quoted(id), found: "nothing")
      }
      guard isText else { continue }
      if piece.elementsEqual(spelling(of: id).utf8) || isByte(id, of: piece) { continue }
      // an added token has the spaces that it stands for
      if kind(id) == .userDefined, piece.elementsEqual(text(of: id).utf8) { continue }
      throw disagreement(
        "id \(id)", expected: quoted(id), found: JSONValue.quoted(String(decoding: piece, as: UTF8.self)))
    }
    if comparesPrefix, proto.modelType == 2, let rules = try? SpaceRules(json),
      (rules.prefix != .nothing) != proto.normalizer.addsDummyPrefix
    {
      let texts = ["no space in front of text", "a space in front of text"]
      throw disagreement(
        "normalizer and pre_tokenizer", expected: texts[proto.normalizer.addsDummyPrefix ? 1 : 0],
        found: texts[proto.normalizer.addsDummyPrefix ? 0 : 1])
    }
  }

  private func quoted(_ id: Int32) -> String { JSONValue.quoted(spelling(of: id)) }

  /// Whether `piece` is the character of the byte that the piece with `id` stands for, as transformers spells Gemma's
  /// tab.
  private func isByte(_ id: Int32, of piece: ArraySlice<UInt8>) -> Bool {
    kind(id) == .byte && piece.count == 1 && ConvertedVocabulary.byte(Array(spelling(of: id).utf8)[...]) == piece.first
  }
}
