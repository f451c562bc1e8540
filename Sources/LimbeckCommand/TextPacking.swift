import Foundation
import Logging
import ModelTraining
import TensorCore
import Tokenization

/// Texts as packed sequences of ids. The token files lie in a folder `tokens` beside what is written, so that runs and
/// caches on the same text share them.
struct TextPacking {
  private let tokenizer: any Tokenizer
  private let sequenceLength: Int
  private let folder: URL
  private let device: Device
  private let console: Console
  private let log: Logger

  init(
    _ tokenizer: any Tokenizer, sequenceLength: Int, beside output: URL, device: Device, console: Console
  ) {
    self.tokenizer = tokenizer
    self.sequenceLength = sequenceLength
    folder = output.deletingLastPathComponent().appendingPathComponent("tokens", isDirectory: true)
    self.device = device
    self.console = console
    log = Logger(console)
  }

  /// The sequences of files and folders, by default at fixed places; says where their ids are.
  func sequences(of paths: [String], _ packing: SequencePacking = .fixed) throws -> PackedSequences {
    let corpus = try Corpus(paths: paths)
    let name = paths.joined(separator: ", ")
    var progress = ProgressLine("tokenising \(name), MiB", on: console)
    let file = try TokenFile.open(for: corpus, tokenizer: tokenizer, in: folder, threads: device.threads) { reading in
      progress.show(reading.bytesDone >> 20, of: reading.bytesTotal >> 20)
    }
    progress.end()
    log.info("\(name): \(Format.count(file.count)) tokens, \(file.wasReused ? "from" : "written to") \(file.url.path)")
    return try PackedSequences(file, sequenceLength: sequenceLength, packing: packing, name: name)
  }
}
