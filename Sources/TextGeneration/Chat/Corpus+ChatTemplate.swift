public import Tokenization

extension Corpus {
  /// The same text, in which chats are written by the template among a tokenizer's files; by the plain format where
  /// there is none. Where the template is of no known family, chats are refused when they are read.
  public func chatting(for tokenizer: any Tokenizer) -> Corpus {
    var corpus = self
    do {
      corpus.chatFormat = try ChatTemplate(of: tokenizer)?.format(for: tokenizer) ?? .plain
    } catch {
      corpus.chatFormat = nil
    }
    return corpus
  }
}
