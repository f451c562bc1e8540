import ArgumentParser
import Foundation
import Tokenization

/// `limbeck tokenizer decode`
struct TokenizerDecode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode",
    abstract: "Turns token ids back into text.",
    discussion: """
      Prints the text as it is; on a terminal, a newline follows.

      Example:
        limbeck tokenizer decode --tokenizer tokenizer.model 403 407 261
        limbeck tokenizer decode --tokenizer tokenizer.model < ids.txt
      """)

  @OptionGroup var tokenizer: TokenizerOption
  @Argument(help: ArgumentHelp("Token ids (default: standard input).", valueName: "id"))
  var ids: [String] = []

  func run() throws {
    let tokenizer = try tokenizer.load()
    let words = ids.isEmpty ? try StandardInput.text().split(whereSeparator: \.isWhitespace).map(String.init) : ids
    let ids = try words.map { word in
      guard let id = Int32(word), (0..<Int32(tokenizer.vocabularySize)).contains(id) else {
        throw CommandError.notATokenID(text: word, vocabularySize: tokenizer.vocabularySize)
      }
      return id
    }
    try StandardOutput.write(tokenizer.decode(ids) + (StandardOutput.isTerminal ? "\n" : ""))
  }
}
