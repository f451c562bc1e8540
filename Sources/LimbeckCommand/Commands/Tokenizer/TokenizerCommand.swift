import ArgumentParser
import Foundation
import Tokenization

/// `limbeck tokenizer`
struct TokenizerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenizer",
    abstract: "Trains, shows and uses SentencePiece tokenizers.",
    discussion: """
      Example:
        limbeck tokenizer train --text books/ --output tokenizer.model
        limbeck tokenizer encode --tokenizer tokenizer.model "Once upon a time"
      """,
    subcommands: [TokenizerTrain.self, TokenizerInspect.self, TokenizerEncode.self, TokenizerDecode.self])
}

extension SentencePieceTokenizer {
  /// Loads the file at `path`, or the `tokenizer.model` of the model folder there.
  convenience init(path: String) throws {
    let url = URL(fileURLWithPath: path)
    try self.init(contentsOf: url.isFolder ? url.appendingPathComponent("tokenizer.model") : url)
  }
}

extension URL {
  /// Whether a folder stands there.
  var isFolder: Bool { (try? resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory == true }
}
