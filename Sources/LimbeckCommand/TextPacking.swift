import Foundation
import LanguageModels
import Logging
import ModelEvaluation
import ModelTraining
import TensorCore
import TextGeneration
import Tokenization

/// Texts as sequences of ids, to train and to validate on. The token files lie in one cache, so that runs on the same
/// text share them.
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
    var progress = ProgressLine("tokenising \(name), MiB", on: console, announcing: "tokenising \(name)")
    let file = try TokenFile.open(for: corpus.chatting(for: tokenizer), tokenizer: tokenizer, threads: device.threads) {
      reading in
      progress.show(reading.bytesDone >> 20, of: reading.bytesTotal >> 20)
    }
    progress.end()
    log.info(
      "\(name): \(Format.count(file.count, "token")), \(file.wasReused ? "from" : "written to") \(file.url.path)")
    return try PackedSequences(file, sequenceLength: sequenceLength, packing: packing, name: name)
  }

  /// The same of a text in parts, which are told apart by routes, if there are any.
  func sequences(
    of corpus: Corpus, named name: String, _ packing: SequencePacking, by routes: TextRoutes?
  ) throws -> PackedSequences {
    guard let routes else { return try sequences(of: corpus, named: name, packing) }
    let parts = try zip(routes.globs, routes.parts(ofTraining: corpus)).map { glob, part in
      try sequences(of: part, named: "\(name), of it \(glob.pattern)", packing)
    }
    return PackedSequences(parts: parts, name: name)
  }

  /// A text in the windows that 'limbeck perplexity' measures, for a model of this configuration; its documents know
  /// of which part they are where there are routes.
  func validation(
    of corpus: Corpus, named name: String, for configuration: DecoderConfiguration, by routes: TextRoutes? = nil
  ) throws -> ValidationText {
    guard let routes, routes.coversValidation else {
      return try ValidationText(
        EvaluationText(tokens(of: corpus, named: name), tokenizer: tokenizer), sequenceLength: sequenceLength,
        name: name, beginningID: configuration.beginningID)
    }
    var (documents, parts) = ([TokenizedDocument](), [Int]())
    for case (let index, let part?) in try routes.parts(ofValidation: corpus).enumerated() {
      let found = try tokens(of: part, named: name).documents
      documents += found
      parts += found.map { _ in index }
    }
    return try ValidationText(
      EvaluationText(documents, beginningID: tokenizer.bosID), sequenceLength: sequenceLength, name: name,
      beginningID: configuration.beginningID, documentParts: parts, partCount: routes.globs.count)
  }

  private func tokens(of corpus: Corpus, named name: String) throws -> TokenizedText {
    var progress = ProgressLine("tokenising \(name), MiB", on: console, announcing: "tokenising \(name)")
    let tokens = try tokenizer.tokens(of: corpus.chatting(for: tokenizer), threads: device.threads) {
      progress.show($0.bytesDone >> 20, of: $0.bytesTotal >> 20)
    }
    progress.end()
    return tokens
  }
}
