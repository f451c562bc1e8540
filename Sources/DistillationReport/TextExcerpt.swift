import Foundation
public import ModelEvaluation
public import Tokenization

/// A place in a text to go on from, and how the text itself goes on.
public struct TextExcerpt: Sendable, Equatable {
  /// The first words of a paragraph or, without one nearby, of a sentence or a line.
  public var beginning: String
  /// What follows them, with the white space before it.
  public var continuation: String
}

extension EvaluationText {
  /// Places at equal distances through the text, fewer where it is short: beginnings of paragraphs of one document, or
  /// of several documents beginnings or, where they have prompts, these.
  /// - Parameters:
  ///   - count: how many there are at most.
  ///   - words: the words of each beginning.
  ///   - continuationWords: the words of each continuation, as far as the text has them.
  ///   - tokenizer: what made the ids.
  /// - Returns: the excerpts, in the order of the text.
  public func excerpts(
    _ count: Int, words: Int, continuationWords: Int, tokenizer: any Tokenizer
  ) -> [TextExcerpt] {
    let whole = documents.filter { !$0.ids.isEmpty }
    guard whole.count <= 1 else {
      let places = min(count, whole.count)
      return (0..<places).compactMap { place in
        whole[whole.count * (2 * place + 1) / (2 * places)].excerpt(
          words: words, continuationWords: continuationWords, tokenizer: tokenizer)
      }
    }
    let ids = whole.first?.ids ?? []
    // A word has few tokens; a paragraph is looked for over as many words again.
    let reach = 6 * (words + continuationWords)
    let places = max(1, min(count, ids.count / reach))
    return (1...places).compactMap { place in
      let start = ids.count * place / (places + 1)
      let text = tokenizer.decode(ids[start..<min(ids.count, start + reach)])
      return TextExcerpt(Self.startOfPassage(in: text), words: words, continuationWords: continuationWords)
    }
  }

  /// What follows the first end of a paragraph, else of a sentence, else of a line, else of a word.
  private static func startOfPassage(in text: String) -> Substring {
    let half = text.prefix(text.count / 2)
    for mark in ["\n\n", ". ", ".\n", "\n", " "] {
      guard let end = half.range(of: mark) else { continue }
      return text[end.upperBound...].drop(while: \.isWhitespace)
    }
    return text[...].drop(while: \.isWhitespace)
  }
}

extension TokenizedDocument {
  /// Its prompt and how it goes on, or its first words where it has no prompt; nil where it is too short for either.
  fileprivate func excerpt(words: Int, continuationWords: Int, tokenizer: any Tokenizer) -> TextExcerpt? {
    // a word has few tokens
    let reach = 6 * (words + continuationWords)
    guard let prompt = counted.first?.lowerBound, prompt > 0 else {
      return TextExcerpt(tokenizer.decode(ids.prefix(reach))[...], words: words, continuationWords: continuationWords)
    }
    let beginning = tokenizer.decode(ids[..<prompt])
    let text = tokenizer.decode(ids.prefix(prompt + reach))
    // a decoder may leave out a space at the beginning of a text, so the rest is not decoded by itself
    let rest = text.hasPrefix(beginning) ? text.dropFirst(beginning.count) : ""
    return TextExcerpt(beginning: beginning, continuation: String(rest[..<rest.end(ofWord: continuationWords)]))
  }
}

extension TextExcerpt {
  /// The first words of `text`; nil where it has no word that is sure to be whole.
  fileprivate init?(_ text: Substring, words: Int, continuationWords: Int) {
    let middle = text.end(ofWord: words)
    guard middle > text.startIndex, middle < text.endIndex else { return nil }
    beginning = String(text[..<middle])
    let rest = text[middle...]
    continuation = String(rest[..<rest.end(ofWord: continuationWords)])
  }
}

extension Substring {
  /// Where the `count`th word ends; the end of the text, if it has fewer.
  fileprivate func end(ofWord count: Int) -> Index {
    var end = startIndex
    for _ in 0..<count {
      guard let start = self[end...].firstIndex(where: { !$0.isWhitespace }) else { return end }
      end = self[start...].firstIndex(where: \.isWhitespace) ?? endIndex
    }
    return end
  }
}
