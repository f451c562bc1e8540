import ArgumentParser
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

  @Option(help: ArgumentHelp("A tokenizer.model, or a model folder with one.", valueName: "file"))
  var tokenizer: String
  @Flag(help: "Print the pieces, one a line, instead of their ids.")
  var pieces = false
  @Flag(help: "Print one JSON object: ids and pieces.")
  var json = false
  @Argument(help: "The text (default: standard input).")
  var text: String?

  func run() throws {
    let tokenizer = try SentencePieceTokenizer(path: tokenizer)
    let ids = tokenizer.encode(try text ?? StandardInput.text())
    if json {
      try StandardOutput.write(json: Encoding(ids: ids, pieces: ids.map(tokenizer.piece)))
    } else if pieces {
      try StandardOutput.write(ids.map { tokenizer.piece($0).debugDescription + "\n" }.joined())
    } else {
      try StandardOutput.write(ids.map(String.init).joined(separator: " ") + "\n")
    }
  }

  private struct Encoding: Encodable {
    let ids: [Int32]
    let pieces: [String]
  }
}
