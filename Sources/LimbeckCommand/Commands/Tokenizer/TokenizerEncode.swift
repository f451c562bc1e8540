import ArgumentParser
import Foundation
import Tokenization

/// `limbeck tokenizer encode`
struct TokenizerEncode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode",
    abstract: "Turns text into token ids.",
    discussion: """
      Example:
        limbeck tokenizer encode --tokenizer tokenizer.model "Once upon a time"
        limbeck tokenizer encode --tokenizer tokenizer.model < story.txt > ids.txt
      """)

  @OptionGroup var tokenizer: TokenizerOption
  @Flag(help: "Print the pieces, one a line, instead of their ids.")
  var pieces = false
  @Flag(help: "Print one JSON object: ids and pieces.")
  var json = false
  @Argument(help: "The text (default: standard input).")
  var text: String?

  /// Large enough to keep all cores busy, small beside the rest of the process.
  private static let partSize = 2 << 20

  func run() throws {
    let tokenizer = try tokenizer.load()
    if json {
      var all: [Int32] = []
      try encode(by: tokenizer) { all += $0 }
      try StandardOutput.write(json: Encoding(ids: all, pieces: all.map(tokenizer.spelling)))
    } else if pieces {
      try encode(by: tokenizer) { ids in
        try StandardOutput.write(ids.map { tokenizer.spelling(of: $0).debugDescription + "\n" }.joined())
      }
    } else {
      var isFirst = true
      try encode(by: tokenizer) { ids in
        guard !ids.isEmpty else { return }
        try StandardOutput.write(bytes: Self.decimals(ids).dropFirst(isFirst ? 1 : 0))
        isFirst = false
      }
      try StandardOutput.write("\n")
    }
  }

  /// Calls `body` with the ids of the text, some of them at a time.
  private func encode(by tokenizer: any Tokenizer, _ body: ([Int32]) throws -> Void) throws {
    if let text { return try body(tokenizer.encode(text)) }
    var encoder = StreamingEncoder(tokenizer, name: StandardInput.name)
    while let part = try StandardInput.part(of: Self.partSize) { try body(encoder.append(part)) }
    try body(encoder.finish())
  }

  /// The digits of `ids`, which are not negative, with a space before each.
  private static func decimals(_ ids: [Int32]) -> ArraySlice<UInt8> {
    let longest = " \(Int32.max)".utf8.count
    var bytes = [UInt8](repeating: UInt8(ascii: " "), count: ids.count * longest)
    // The last digit of a number is the first that is known.
    var start = bytes.count
    for id in ids.reversed() {
      var rest = UInt32(id)
      repeat {
        start -= 1
        bytes[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      } while rest > 0
      start -= 1
    }
    return bytes[start...]
  }

  private struct Encoding: Encodable {
    let ids: [Int32]
    let pieces: [String]
  }
}
