/// A token that was added to a tokenizer after it was trained, as Hugging Face's files have it: a text that becomes one
/// id wherever it stands.
struct AddedToken: Hashable, Sendable {
  /// The text.
  var content: String
  /// Its id.
  var id: Int32
  /// Whether it is a sign, such as the end of a turn, and decoded to nothing.
  var isSpecial = false
  /// Whether white space to its left is part of it.
  var stripsLeft = false
  /// Whether white space to its right is part of it.
  var stripsRight = false
  /// Whether it is looked for only in what the others leave.
  var isNormalized = false
  /// Whether it counts only where it is no part of a word.
  var isSingleWord = false

  /// Whether this is its text, byte by byte: to strings, characters that are composed otherwise are the same.
  func isSpelled(_ text: String) -> Bool {
    content.utf8.count == text.utf8.count && content.utf8.elementsEqual(text.utf8)
  }
}

extension AddedToken: CustomStringConvertible {
  /// The text with what is said of the white space and words beside it.
  var description: String {
    let flags = [(stripsLeft, "lstrip"), (stripsRight, "rstrip"), (isNormalized, "normalized"), (isSingleWord, "word")]
    let names = flags.filter(\.0).map(\.1)
    return content.escaped + (names.isEmpty ? "" : "(\(names.joined(separator: ",")))")
  }
}
