import TensorCore
import Testing

@testable import TextGeneration

@Suite("Stop strings")
struct StopStringsTests {
  /// Feeds the characters of `text` in parts of random length; returns each part of the output and the stop string.
  private func run(_ text: String, _ stop: [String], using generator: inout SeededGenerator) -> ([String], String?) {
    var strings = StopStrings(stop)
    var parts: [String] = []
    var rest = text.unicodeScalars[...]
    while true {
      let part = rest.prefix(Int.random(in: 0...3, using: &generator))
      rest = rest.dropFirst(part.count)
      let (found, stop) = strings.append(String(part), isLast: rest.isEmpty)
      parts.append(found)
      if stop != nil || rest.isEmpty { return (parts, stop) }
    }
  }

  @Test(
    "The string that begins first ends the text, however the text is cut",
    arguments: [
      ("abcabd", ["abd"], "abc", "abd"), ("aab", ["ab"], "a", "ab"), ("xabcd", ["bc", "abcd"], "x", "abcd"),
      ("xabce", ["bc", "abcd"], "xa", "bc"), ("xabc", ["abcd", "bc"], "xa", "bc"), ("no", ["yes"], "no", nil),
      ("ends in ye", ["yes"], "ends in ye", nil), ("ünïcödé", ["ö"], "ünïc", "ö"), ("", ["a"], "", nil),
      ("tie: abc", ["abc", "ab"], "tie: ", "ab"), ("anything", [], "anything", nil),
      ("e\u{301}", ["e"], "", "e"),
    ] as [(String, [String], String, String?)])
  func cases(_ text: String, _ stop: [String], _ expected: String, _ expectedStop: String?) {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<30 {
      let (parts, found) = run(text, stop, using: &generator)
      #expect(parts.joined() == expected)
      #expect(found == expectedStop)
    }
  }

  @Test("Nothing is held back but what may begin a stop string")
  func promptness() {
    var strings = StopStrings(["END", "\n\n"])
    #expect(strings.append("one E").text == "one ")
    #expect(strings.append("x\n").text == "Ex")
    #expect(strings.append("y").text == "\ny")
    let (text, stop) = strings.append("z\n\nrest")
    #expect(text == "z")
    #expect(stop == "\n\n")
  }
}
