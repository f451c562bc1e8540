import Tokenization

/// The ids of tokens that another program names by their text, their spelling or their bytes.
struct TokenNames {
  /// Why a name stands for no id.
  enum Failure: Error {
    case unknown
    case ambiguous(Int32, Int32)
  }

  /// What vLLM's `return_tokens_as_token_ids` puts in front of an id.
  static let idPrefix = "token_id:"

  private let byName: [[UInt8]: Entry]
  private let byBytes: [[UInt8]: Entry]

  private struct Entry {
    let id: Int32
    /// Another token of the same name.
    var other: Int32?
  }

  init(_ tokenizer: any Tokenizer) {
    var (byName, byBytes) = ([[UInt8]: Entry](), [[UInt8]: Entry]())
    func add(_ name: [UInt8], _ id: Int32, to names: inout [[UInt8]: Entry]) {
      if let known = names[name] {
        if known.id != id { names[name]?.other = id }
      } else if !name.isEmpty {
        names[name] = Entry(id: id)
      }
    }
    for id in 0..<Int32(tokenizer.vocabularySize) {
      let (text, spelling) = (tokenizer.text(of: id), tokenizer.spelling(of: id))
      // a text of half a character is that of many tokens
      let isWhole = !text.unicodeScalars.contains("\u{FFFD}")
      if isWhole { add(Array(text.utf8), id, to: &byName) }
      add(Array(spelling.utf8), id, to: &byName)
      let isByte = spelling.hasPrefix("<0x") && spelling.utf8.count == 6
      add(isWhole && !isByte ? Array(text.utf8) : tokenizer.decodeBytes([id]), id, to: &byBytes)
    }
    (self.byName, self.byBytes) = (byName, byBytes)
  }

  /// The id of a token by its text or spelling, or where these do not tell, by its bytes.
  func id(_ name: String, bytes: [UInt8]?) throws(Failure) -> Int32 {
    // of a part of a character only the bytes tell which
    let isWhole = !name.unicodeScalars.contains("\u{FFFD}")
    let named = isWhole ? byName[Array(name.utf8)] : nil
    if let named, named.other == nil { return named.id }
    if let bytes, let entry = byBytes[bytes], entry.other == nil { return entry.id }
    guard let named, let other = named.other else { throw .unknown }
    throw .ambiguous(named.id, other)
  }
}
