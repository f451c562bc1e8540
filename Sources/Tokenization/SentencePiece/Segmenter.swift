/// Finds where text may be cut because no piece can reach across, so that its parts can be encoded on their own, in
/// parallel, in a stream.
///
/// A cut between two characters is safe if no piece of the vocabulary has the two side by side. BPE then never merges
/// across it, and every path of the unigram model passes through it: the ids of the parts are the ids of the whole. (In
/// a unigram model the sums of scores differ in rounding, the parts' being the more exact ones.)
///
/// A normaliser that replaces characters looks across such places. It leaves those before a space, where a word ends.
struct Segmenter: Sendable {
  private enum Cuts {
    /// A text is taken as a whole: the word and character models have rules of their own.
    case none
    /// Between characters that no piece has side by side.
    case anywhere
    /// Before a space that follows a word.
    case beforeSpaces
  }

  private let cuts: Cuts
  private let edges: EdgeSpaces
  /// Whether a place beside a space is unsafe, because spaces at the ends of a text are removed.
  private let avoidsSpaces: Bool
  private let neighbours: CharacterPairs
  /// Characters that are pieces. Where no bytes stand in for unknown characters, a run of those becomes one id, so that
  /// a cut needs a known character before it.
  private let known: Set<UInt32>?

  init(_ proto: ModelProto, _ edges: EdgeSpaces) {
    let normalizer = proto.normalizer
    self.edges = edges
    avoidsSpaces = normalizer.removesExtraWhitespace
    var neighbours = CharacterPairs()
    var known: Set<UInt32> = []
    var hasInnerSpaces = false
    if proto.modelType <= 2 {
      for (id, kind) in proto.kinds.enumerated() where [.normal, .userDefined, .unused].contains(kind) {
        let piece = proto.pieces.bytes(at: id)
        let text = piece.span
        var (place, previous) = (0, nil as UInt32?)
        while place < text.count {
          let length = Self.length(text[place])
          let character = Self.folded(Self.character(text, place, length))
          if let previous {
            neighbours.insert(previous, character)
            if character == Self.space { hasInnerSpaces = true }
          } else if length == text.count, kind != .unused {
            known.insert(character)
          }
          (place, previous) = (place + length, character)
        }
      }
    }
    self.neighbours = neighbours
    self.known = proto.byteFallback ? nil : known
    if proto.modelType > 2 || proto.whitespaceIsSuffix {
      cuts = .none
    } else if normalizer.charactersMap.isEmpty {
      cuts = .anywhere
    } else {
      let hasSpace = proto.byteFallback || known.contains(Self.space)
      let isSafe = hasSpace && !hasInnerSpaces && normalizer.escapesWhitespace
      cuts = isSafe && !proto.charactersMap.replacesInnerSpaces ? .beforeSpaces : .none
    }
  }

  /// As `Tokenizer.moveToCut`.
  func moveToCut(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool {
    switch cuts {
    case .none:
      place = max(place, text.count)
      return false
    case .anywhere:
      return moveBetweenCharacters(&place, in: text)
    case .beforeSpaces:
      return moveToSpace(&place, in: text)
    }
  }

  private func moveToSpace(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool {
    while place < text.count {
      if text[place] == 0x20 {
        var before = place - 1
        while text[before] & 0xC0 == 0x80 { before -= 1 }
        let character = (before..<place).map { text[$0] }
        if !edges.ends(character[...]) { return true }
      }
      place += 1
    }
    return false
  }

  private func moveBetweenCharacters(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool {
    while place < text.count {
      if text[place] & 0xC0 != 0x80 {
        let length = Self.length(text[place])
        guard place + length <= text.count else { return false }
        var before = place - 1
        while text[before] & 0xC0 == 0x80 { before -= 1 }
        if isSafe(Self.character(text, before, place - before), Self.character(text, place, length)) { return true }
      }
      place += 1
    }
    return false
  }

  private func isSafe(_ left: UInt32, _ right: UInt32) -> Bool {
    let (left, right) = (Self.folded(left), Self.folded(right))
    if avoidsSpaces, left == Self.space || right == Self.space { return false }
    return !neighbours.contains(left, right) && known?.contains(left) != false
  }

  private static let space: UInt32 = 0x2581

  /// A space and the sign that pieces have for it are one.
  private static func folded(_ character: UInt32) -> UInt32 { character == 0x20 ? space : character }

  private static func length(_ lead: UInt8) -> Int { lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4 }

  private static func character(_ text: borrowing Span<UInt8>, _ start: Int, _ length: Int) -> UInt32 {
    var character = UInt32(text[start])
    if length > 1 { character &= 0x7F >> UInt32(length) }
    for offset in 1..<max(length, 1) { character = character << 6 | UInt32(text[start + offset] & 0x3F) }
    return character
  }
}
