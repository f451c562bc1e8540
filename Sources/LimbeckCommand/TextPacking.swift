import Foundation
import Logging
import ModelTraining
import TensorCore
import Tokenization

/// Texts as packed sequences of ids. The token files lie in one cache, so that runs on the same text share them.
struct TextPacking {
  private let tokenizer: any Tokenizer
  private let sequenceLength: Int
  private let device: Device
  private let console: Console
  private let log: Logger

  init(_ tokenizer: any Tokenizer, sequenceLength: Int, device: Device, console: Console) {
    self.tokenizer = tokenizer
    self.sequenceLength = sequenceLength
    self.device = device
    self.console = console
    log = Logger(console)
  }

  /// The sequences of a text, by default at fixed places; says where their ids are. Messages call the text `name`.
  func sequences(
    of corpus: Corpus, named name: String, _ packing: SequencePacking = .fixed
  ) throws -> PackedSequences {
    var progress = ProgressLine("tokenising \(name), MiB", on: console)
    let file = try TokenFile.open(for: corpus, tokenizer: tokenizer, threads: device.threads) { reading in
      progress.show(reading.bytesDone >> 20, of: reading.bytesTotal >> 20)
    }
    progress.end()
    log.info("\(name): \(Format.count(file.count)) tokens, \(file.wasReused ? "from" : "written to") \(file.url.path)")
    return try PackedSequences(file, sequenceLength: sequenceLength, packing: packing, name: name)
  }
}
