import ArgumentParser
import DurableFiles
import Foundation
import Tokenization

/// `limbeck tokenizer`
struct TokenizerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenizer",
    abstract: "Trains, shows and uses tokenizers.",
    discussion: """
      Example:
        limbeck tokenizer train --text books/ --output tokenizer.model
        limbeck tokenizer encode --tokenizer tokenizer.model "Once upon a time"
      """,
    subcommands: [TokenizerTrain.self, TokenizerInspect.self, TokenizerEncode.self, TokenizerDecode.self])
}

/// The tokenizer to use.
struct TokenizerOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A tokenizer.model or tokenizer.json, or a model folder or .gguf file with one.", valueName: "path"))
  var tokenizer: String

  /// Throws what is wrong with it.
  func load() throws -> any Tokenizer { try loadTokenizer(from: URL(fileURLWithPath: tokenizer)) }
}

extension URL {
  /// Whether a folder stands there, or a symbolic link to one.
  var isFolder: Bool { DurableFiles.isFolder(at: path) }
}
