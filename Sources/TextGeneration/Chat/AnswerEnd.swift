package import Tokenization

/// What ends an answer in a chat, besides the tokens that end every text: a token of its own in most vocabularies, in
/// others a text.
package struct AnswerEnd: Sendable {
  /// The tokens that end it.
  package let ids: Set<Int32>
  /// The texts that end it.
  package let stop: [String]

  /// What ends an answer in a format.
  package init(_ format: ChatFormat, _ tokenizer: any Tokenizer) {
    let end = format.endOfAnswer
    let ids = end.isEmpty ? [] : tokenizer.encode(parts: [format.end], after: "a")
    self.ids = ids.count == 1 ? Set(ids) : []
    stop = ids.count > 1 ? [end] : []
  }
}

extension Tokenizer {
  /// The tokens of a chat, BOS included, up to where an answer to it begins.
  package func ids(asking messages: [ChatMessage], _ format: ChatFormat) -> [Int32] {
    [bosID].compactMap(\.self) + encode(parts: format.parts(of: messages, asksForAnswer: true), after: nil)
  }
}
