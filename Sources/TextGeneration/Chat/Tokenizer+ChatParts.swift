import Tokenization

extension Tokenizer {
  /// The ids of parts of a chat that an answer follows, without a BOS in front. They go on from `previous`, what was
  /// said before them; nil at the beginning of a chat.
  func encode(parts: [ChatPart], after previous: String?) -> [Int32] {
    guard let previous else { return encode(parts, isContinued: true).flatMap(\.ids) }
    // encoded with the parts for what happens between the two, and left out
    let known = ChatPart(previous, isTemplate: false, isCounted: true)
    let new = parts.map { ChatPart($0.text, isTemplate: $0.isTemplate, isCounted: false) }
    return encode([known] + new, isContinued: true).filter { !$0.isCounted }.flatMap(\.ids)
  }
}
