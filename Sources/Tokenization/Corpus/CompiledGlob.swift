/// A pattern of `FileGlob` as a list of what its characters stand for. (The C library's `fnmatch` takes bytes for
/// characters in the locale of a program that has set none.)
struct CompiledGlob {
  private enum Element {
    /// Any characters, or none.
    case anything
    case anyCharacter
    case character(Character)
    case oneOf([ClosedRange<Character>], classes: [@Sendable (Character) -> Bool], isNegated: Bool)

    /// Whether it stands for this character; not asked of `anything`.
    func matches(_ character: Character) -> Bool {
      switch self {
      case .anything, .anyCharacter: true
      case .character(let own): own == character
      case .oneOf(let ranges, let classes, let isNegated):
        (ranges.contains { $0.contains(character) } || classes.contains { $0(character) }) != isNegated
      }
    }
  }

  private var elements: [Element] = []

  init(_ pattern: String) {
    var rest = Array(pattern)[...]
    while let first = rest.popFirst() {
      switch first {
      case "*": elements.append(.anything)
      case "?": elements.append(.anyCharacter)
      case "[":
        // a bracket that nothing closes is a character
        if let set = Self.set(&rest) { elements.append(set) } else { elements.append(.character(first)) }
      case "\\": elements.append(.character(rest.popFirst() ?? first))
      default: elements.append(.character(first))
      }
    }
  }

  /// Reads what stands behind `[`, up to its `]`; leaves all where there is none.
  private static func set(_ pattern: inout ArraySlice<Character>) -> Element? {
    var rest = pattern
    let isNegated = rest.first == "!" || rest.first == "^"
    if isNegated { rest.removeFirst() }
    var (ranges, classes) = ([ClosedRange<Character>](), [@Sendable (Character) -> Bool]())
    var isFirst = true
    while let first = rest.popFirst() {
      // a bracket that comes first is one of the characters
      if first == "]", !isFirst {
        pattern = rest
        return .oneOf(ranges, classes: classes, isNegated: isNegated)
      }
      isFirst = false
      if first == "[", let found = characterClass(&rest) {
        classes.append(found)
        continue
      }
      let low = first == "\\" ? rest.popFirst() ?? first : first
      guard rest.first == "-", rest.count > 1, rest[rest.startIndex + 1] != "]" else {
        ranges.append(low...low)
        continue
      }
      rest.removeFirst()
      let end = rest.removeFirst()
      let high = end == "\\" ? rest.popFirst() ?? end : end
      // a range that runs backwards has nothing in it
      if low <= high { ranges.append(low...high) }
    }
    return nil
  }

  private static func isPrinted(_ character: Character) -> Bool {
    !character.unicodeScalars.contains { $0.properties.generalCategory == .control }
  }

  /// Reads `:digit:]` behind a bracket; leaves all where it is none of these.
  private static func characterClass(_ pattern: inout ArraySlice<Character>) -> (@Sendable (Character) -> Bool)? {
    let known: [String: @Sendable (Character) -> Bool] = [
      "alpha": { $0.isLetter }, "digit": { $0.isASCII && $0.isNumber }, "alnum": { $0.isLetter || $0.isNumber },
      "upper": { $0.isUppercase }, "lower": { $0.isLowercase }, "space": { $0.isWhitespace },
      "punct": { $0.isPunctuation || $0.isSymbol }, "xdigit": { $0.isASCII && $0.isHexDigit },
      "blank": { $0 == " " || $0 == "\t" }, "cntrl": { !isPrinted($0) }, "print": { isPrinted($0) },
      "graph": { isPrinted($0) && !$0.isWhitespace },
    ]
    for (name, isMember) in known where pattern.starts(with: ":\(name):]") {
      pattern.removeFirst(name.count + 3)
      return isMember
    }
    return nil
  }

  /// Whether a text is one of those that the pattern stands for, from its beginning to its end.
  func matches(_ text: String) -> Bool {
    let text = Array(text)
    var (place, index) = (0, 0)
    // where to go on when what follows the last `anything` does not fit: it takes one character more
    var retry: (place: Int, index: Int)?
    while place < text.count {
      if index < elements.count, case .anything = elements[index] {
        retry = (place, index + 1)
        index += 1
      } else if index < elements.count, elements[index].matches(text[place]) {
        place += 1
        index += 1
      } else if let last = retry {
        retry = (last.place + 1, last.index)
        (place, index) = (last.place + 1, last.index)
      } else {
        return false
      }
    }
    return elements[index...].allSatisfy { if case .anything = $0 { true } else { false } }
  }
}
