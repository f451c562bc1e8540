public import ArgumentParser
import DurableFiles
import Foundation
import Logging
public import Tokenization

extension TokenizerTrainingOptions.Algorithm: ExpressibleByArgument {}

/// `limbeck tokenizer train`
struct TokenizerTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a tokenizer on text.",
    discussion: """
      Text is not normalised and newlines are kept: with byte fallback, decoding
      gives back every text unchanged.

      At the end it prints bytes per token: the more of them, the shorter the text
      in tokens. A larger vocabulary has more, but each piece is met less often,
      and the model's embedding grows with it. About 2,000 pieces suit a text of 1
      MB, 8,000 one of 10 MB, 32,000 one of 1 GB.

      Example:
        limbeck tokenizer train --text books/ more.txt \\
          --output tokenizer.model --vocabulary-size 4096 --algorithm bpe
      """)

  private static let standard = TokenizerTrainingOptions()

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Text files, folders of them, or .jsonl files to learn from.", valueName: "path"))
  var text: [String]
  @Option(help: ArgumentHelp("The tokenizer.model to write; it must not exist.", valueName: "file"))
  var output: String
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The number of pieces, special ones and bytes included.", valueName: "n"))
  var vocabularySize = standard.vocabularySize
  @Option(help: ArgumentHelp("Algorithm.", valueName: "name"))
  var algorithm = standard.algorithm
  @Flag(inversion: .prefixedNo, help: "Encode characters that have no piece as bytes.")
  var byteFallback = standard.byteFallback
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Share of the text's characters that get pieces, 0.98 to 1.", valueName: "share"))
  var characterCoverage = standard.characterCoverage
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Texts that are always one piece, besides the newline.", valueName: "symbol"))
  var userDefinedSymbols: [String] = []
  @Option(parsing: .unconditional, help: ArgumentHelp("Id of the unknown piece.", valueName: "id"))
  var unkId = standard.unknownID
  @Option(parsing: .unconditional, help: ArgumentHelp("Id of BOS, which begins a text; -1 for none.", valueName: "id"))
  var bosId = standard.bosID ?? -1
  @Option(parsing: .unconditional, help: ArgumentHelp("Id of EOS, which ends a text; -1 for none.", valueName: "id"))
  var eosId = standard.eosID ?? -1
  @Option(parsing: .unconditional, help: ArgumentHelp("Id of padding; -1 for none.", valueName: "id"))
  var padId = standard.padID ?? -1
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Number of lines to learn from, drawn at random (default: all).", valueName: "n"))
  var sampledLines: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads; the last digits of unigram scores depend on them.", valueName: "n"))
  var threads = standard.threads

  func validate() throws { try ValidationError.requirePath(output, "output") }

  func run() throws {
    let console = Console()
    let log = Logger(console)
    let destination = URL(fileURLWithPath: output)
    guard !FileManager.default.fileExists(atPath: output) else {
      throw CommandError.outputExists(path: output, advice: "choose another name or remove it first")
    }
    let corpus = try TextListing().corpus(text, console)
    log.info("training on \(Format.bytes(corpus.byteCount)) of text")
    let tokenizer = try TokenizerTrainer(options).train(on: corpus)
    try AtomicFile.write(Data(tokenizer.serialized), to: destination)
    log.info("wrote \(output): \(Format.count(tokenizer.vocabularySize)) pieces, digest \(tokenizer.digest)")
    if let compression = try Compression(of: corpus, by: tokenizer) { log.info("\(compression)") }
  }

  /// How short a tokenizer makes a text.
  private struct Compression: CustomStringConvertible {
    /// More of a text changes the number little.
    private static let longest = 8 << 20
    /// How often a piece should be met, to be learnt.
    private static let meetings = 50

    let bytes: Int
    let tokens: Int
    let pieces: Int
    let textBytes: Int

    /// nil for a text without tokens.
    init?(of corpus: Corpus, by tokenizer: SentencePieceTokenizer) throws {
      var (bytes, tokens, reader) = (0, 0, DocumentReader(corpus))
      while bytes < Self.longest, let document = try reader.next() {
        let text = document.text.prefix(Self.longest - bytes)
        bytes += text.count
        tokens += tokenizer.encode(String(decoding: text, as: UTF8.self)).count
      }
      guard tokens > 0 else { return nil }
      (self.bytes, self.tokens, pieces) = (bytes, tokens, tokenizer.vocabularySize)
      textBytes = corpus.byteCount
    }

    var description: String {
      let bytesPerToken = Double(bytes) / Double(tokens)
      let meetings = Double(textBytes) / bytesPerToken / Double(pieces)
      let facts =
        "\(Format.fixed(bytesPerToken, 2)) bytes per token; each piece is met \(Format.count(Int(meetings), "time")) "
        + "on average"
      return meetings < Double(Self.meetings) ? facts + ": a smaller --vocabulary-size would be learnt better" : facts
    }
  }

  private var options: TokenizerTrainingOptions {
    func id(_ number: Int32) -> Int32? { number == -1 ? nil : number }
    return TokenizerTrainingOptions(
      algorithm: algorithm, vocabularySize: vocabularySize, byteFallback: byteFallback,
      characterCoverage: characterCoverage,
      userDefinedSymbols: Self.standard.userDefinedSymbols + userDefinedSymbols, unknownID: unkId, bosID: id(bosId),
      eosID: id(eosId), padID: id(padId), sampledLines: sampledLines, threads: threads)
  }
}
