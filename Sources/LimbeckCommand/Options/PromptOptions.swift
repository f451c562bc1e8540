import ArgumentParser
import DurableFiles
import Foundation
import TextGeneration
import Tokenization

/// Where prompts come from.
struct PromptOptions: ParsableArguments {
  /// See `OptionGroups`.
  static let needs = ["prompt-field": ["prompts"], "prompt-length": ["prompts"], "prompt-count": ["prompts"]]

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
    let bytes = try file == "-" ? StandardInput.bytes() : Array(contentsOfFileOrPipe(file))
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
