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

extension URL {
  /// Whether a folder stands there, or a symbolic link to one.
  var isFolder: Bool { DurableFiles.isFolder(at: path) }
}
