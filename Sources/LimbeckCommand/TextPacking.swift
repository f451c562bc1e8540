import Foundation
import LanguageModels
import Logging
import ModelEvaluation
import ModelTraining
import TensorCore
import Tokenization

/// Texts as sequences of ids, to train and to validate on. The token files lie in a folder `tokens` beside what is
/// written, so that runs and caches on the same text share them.
struct TextPacking {
  private let tokenizer: any Tokenizer
  private let sequenceLength: Int
  private let counting: CountedTokens
  private let folder: URL
  private let device: Device
  private let console: Console
  private let log: Logger

  init(
    _ tokenizer: any Tokenizer, sequenceLength: Int, counting: CountedTokens, beside output: URL, device: Device,
    console: Console
  ) {
    self.tokenizer = tokenizer
    self.sequenceLength = sequenceLength
    self.counting = counting
    folder = output.deletingLastPathComponent().appendingPathComponent("tokens", isDirectory: true)
    self.device = device
    self.console = console
    log = Logger(console)
  }

  /// The sequences of files and folders; says where their ids are.
  func sequences(of paths: [String], _ packing: SequencePacking) throws -> PackedSequences {
    let corpus = try Corpus(paths: paths, counting: counting)
    let name = paths.joined(separator: ", ")
    var progress = ProgressLine("tokenising \(name), MiB", on: console)
    let file = try TokenFile.open(for: corpus, tokenizer: tokenizer, in: folder, threads: device.threads) { reading in
      progress.show(reading.bytesDone >> 20, of: reading.bytesTotal >> 20)
    }
    progress.end()
    log.info("\(name): \(Format.count(file.count)) tokens, \(file.wasReused ? "from" : "written to") \(file.url.path)")
    return try PackedSequences(file, sequenceLength: sequenceLength, packing: packing, name: name)
  }

  /// Files and folders in the windows that 'limbeck perplexity' measures, for a model of this configuration.
  func validation(
    of paths: [String], for configuration: DecoderConfiguration
  ) throws -> ValidationText {
    let name = paths.joined(separator: ", ")
    var progress = ProgressLine("tokenising \(name), MiB", on: console)
    let tokens = try tokenizer.tokens(of: Corpus(paths: paths, counting: counting), threads: device.threads) {
      progress.show($0.bytesDone >> 20, of: $0.bytesTotal >> 20)
    }
    progress.end()
    return try ValidationText(
      EvaluationText(tokens, tokenizer: tokenizer), sequenceLength: sequenceLength, name: name,
      beginningID: configuration.bosTokenID.map { Int32($0) })
  }
}
