import Tokenization

extension Tokenizer {
  /// The ids of parts of a chat, without a BOS in front. The spellings of BOS and EOS in a template's part are these
  /// tokens, and all text between two of them is encoded together. With `continues` a text comes before the parts;
  /// a BOS with which the first part of a chat begins is left out.
  func encode(parts: [ChatPart], continues: Bool) -> [Int32] {
    var ids: [Int32] = []
    var text = ""
    var isContinued = continues
    func flush() {
      if !text.isEmpty { ids += isContinued ? continuation(text) : encode(text) }
      isContinued = isContinued || !text.isEmpty
      text = ""
    }
    for part in parts {
      var rest = part.text[...]
      while part.isTemplate, let (id, range) = firstSpecial(in: rest) {
        text += rest[..<range.lowerBound]
        flush()
        if isContinued || id != bosID { ids.append(id) }
        isContinued = true
        rest = rest[range.upperBound...]
      }
      text += rest
    }
    flush()
    return ids
  }

  /// The ids of a text that goes on from another one.
  private func continuation(_ text: String) -> [Int32] {
    encode(prompt: "\n".utf8, completion: text.utf8).completion
  }

  /// The first place where BOS or EOS is spelled.
  private func firstSpecial(in text: Substring) -> (id: Int32, range: Range<Substring.Index>)? {
    [bosID, eosID].compactMap(\.self)
      .compactMap { id in text.firstRange(of: spelling(of: id)).map { (id, $0) } }
      .min { $0.1.lowerBound < $1.1.lowerBound }
  }
}
