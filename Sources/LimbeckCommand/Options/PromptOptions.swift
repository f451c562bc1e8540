import ArgumentParser
import Foundation
import TextGeneration
import Tokenization

/// Where prompts come from.
struct PromptOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Prompts: one a line, or a file of JSON rows; or text to cut, with --prompt-length.", valueName: "file"))
  var prompts: String?
  @Option(help: ArgumentHelp("Key of the prompt in a JSON row (default: prompt).", valueName: "key"))
  var promptField: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Cut --prompts into prompts of about n tokens.", valueName: "n"))
  var promptLength: Int?
  @Option(parsing: .unconditional, help: ArgumentHelp("Use only the first n prompts.", valueName: "n"))
  var promptCount: Int?

  func validate() throws {
    let others = [
      ("prompt-field", promptField != nil), ("prompt-length", promptLength != nil),
      ("prompt-count", promptCount != nil),
    ]
    if prompts == nil, let flag = others.first(where: \.1) {
      throw ValidationError(flag.0, needs: "prompts")
    }
    if promptField != nil, promptLength != nil {
      throw ValidationError(
        "prompt-field", expected: "nothing beside --prompt-length, which is for text", found: promptField ?? "")
    }
    for (name, value) in [("prompt-length", promptLength), ("prompt-count", promptCount)] {
      if let value, value < 1 { throw ValidationError(name, expected: "at least 1", found: value) }
    }
  }

  /// The text of a file, or of standard input where its name is -, without one newline at its end.
  static func text(of file: String) throws -> String {
    let name = file == "-" ? StandardInput.name : file
    if file != "-", URL(fileURLWithPath: file).isFolder {
      throw CommandError.unreadable(file: file, reason: "a file was expected, but it is a folder")
    }
    // read at once, for it may be a pipe
    let bytes = try file == "-" ? StandardInput.bytes() : Array(Data(file: file))
    var text = try SmallTextFile(plain: bytes, name: name).content
    if text.last?.isNewline == true { text.removeLast() }
    return text
  }

  /// The prompts. Throws whatever is wrong with their file.
  func promptFile(_ tokenizer: any Tokenizer) throws -> PromptFile {
    let path = prompts ?? ""
    var file =
      if let promptLength {
        try PromptFile(
          cutting: TextListing().corpus([path], Console()), promptLength: promptLength, count: promptCount,
          tokenizer: tokenizer)
      } else {
        try PromptFile(contentsOf: URL(fileURLWithPath: path), field: promptField ?? "prompt")
      }
    if let promptCount { file.records = Array(file.records.prefix(promptCount)) }
    return file
  }
}
