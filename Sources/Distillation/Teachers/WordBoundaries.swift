import ModelTraining
public import Tokenization

/// Between which tokens a word ends and another begins, as far as words are set apart by spaces.
public struct WordBoundaries: Sendable {
  private let bosID: Int32?
  /// Whether the token of each id begins or ends with a space or line break.
  private let begins: [Bool]
  private let ends: [Bool]

  /// Those of a tokenizer's tokens.
  public init(_ tokenizer: any Tokenizer) {
    let ids = 0..<Int32(tokenizer.vocabularySize)
    begins = ids.map { tokenizer.beginsWord($0) }
    ends = ids.map { tokenizer.text(of: $0).last?.isWhitespace ?? false }
    bosID = tokenizer.bosID
  }

  /// Up to `length` tokens of a text, from the beginning of a word to the end of one where there are such, behind BOS
  /// where the text begins with it; `beginsDocument` says that its first word is whole.
  func prompt(from tokens: ArraySlice<Int32>, length: Int, beginsDocument: Bool) -> [Int32] {
    let front = tokens.first == bosID ? tokens.prefix(1) : []
    let body = tokens.dropFirst(front.count)
    let most = length - front.count
    let first = beginsDocument ? body.startIndex : body.indices.first { isBoundary(before: $0, in: body) }
    let start = first ?? body.startIndex
    let end = min(start + most, body.endIndex)
    // where the text ends, nobody knows what comes next
    let whole = (start..<end).reversed().first { $0 + 1 == body.endIndex || isBoundary(before: $0 + 1, in: body) }
    return Array(front + body[start..<(whole.map { $0 + 1 } ?? end)])
  }

  private func isBoundary(before index: Int, in tokens: ArraySlice<Int32>) -> Bool {
    begins(tokens[index]) || (index > tokens.startIndex && ends(tokens[index - 1]))
  }

  private func begins(_ id: Int32) -> Bool { Int(id) < begins.count && begins[Int(id)] }
  private func ends(_ id: Int32) -> Bool { Int(id) < ends.count && ends[Int(id)] }
}

extension TokenBatch {
  /// The beginning of a sequence, or of the first document in it, as a prompt of up to `length` tokens, at least 1.
  func prompt(ofSequence sequence: Int, length: Int, words: WordBoundaries?) -> [Int32] {
    var (start, index) = (0, 0)
    while start < sequence * self.length {
      start += segments[index]
      index += 1
    }
    let tokens = ids[start..<start + segments[index]]
    guard let words, tokens.count > 1, length > 1 else { return Array(tokens.prefix(length)) }
    return words.prompt(
      from: tokens, length: length, beginsDocument: beginsDocument.isEmpty ? false : beginsDocument[sequence])
  }
}
