import ArgumentParser
import DurableFiles
import Foundation
import LanguageModels
import Limbeck
import ModelEvaluation
import ModelFiles
import TensorCore
import TextGeneration
import Tokenization

/// A stored model whose vocabulary is to be cut down to what a text needs.
struct VocabularyCutter {
  let model: any StoredModel
  let tokenizer: any Tokenizer
  /// As the user named it.
  private let path: String
  private let keys: JSONLinesKeys
  private let device: Device

  /// Opens the model at a path. `keys` are those of rows of JSON.
  init(_ path: String, keys: JSONLinesKeys, on device: Device) throws {
    (model, tokenizer) = try Console().announcing("reading \(path)") {
      let model = try openModel(path: path)
      let tokenizer = try model.tokenizer
      try model.configuration.requireVocabulary(
        for: tokenizer.vocabularySize, file: model.configurationFile.path)
      return (model, tokenizer)
    }
    (self.path, self.keys, self.device) = (path, keys, device)
  }

  /// The text at some paths.
  func corpus(_ paths: [String]) throws -> Corpus {
    try Console().announcing("reading \(paths.joined(separator: ", "))") {
      try TextListing(keys: keys).corpus(paths, Console()).chatting(for: tokenizer)
    }
  }

  /// The tokenizer with what a text needs, and of what another text needs the `count` most frequent tokens.
  func reduced(to corpus: Corpus, and others: Corpus? = nil, mostFrequent count: Int = 0) throws -> ReducedTokenizer {
    func counts(_ corpus: Corpus, _ label: String) throws -> TokenCounts {
      try Self.progress(label) { show in
        try TokenCounts(of: corpus, by: tokenizer, threads: device.threads, progress: show)
      }
    }
    let needed = try counts(corpus, "read")
    let reduction = try VocabularyReduction(
      of: tokenizer, keeping: needed, and: others.map { try counts($0, "read other") }, mostFrequent: count,
      special: model.configuration.specialIDs(below: tokenizer.vocabularySize))
    return try Console().announcing("reducing the tokenizer") { try ReducedTokenizer(tokenizer, by: reduction) }
  }

  /// Proves that a text keeps its tokens; returns their number.
  func requireSameTokens(_ reduced: ReducedTokenizer, on corpus: Corpus) throws -> Int {
    try Self.progress("checked") { show in
      try reduced.requireSameTokens(as: tokenizer, on: corpus, threads: device.threads, progress: show)
    }
  }

  /// Proves that the smaller model may be written: the text keeps its tokens, and all weights are numbers.
  func requireSound(_ reduced: ReducedTokenizer, on corpus: Corpus) throws {
    _ = try requireSameTokens(reduced, on: corpus)
    try model.requireFiniteWeights()
  }

  /// The path of what is cut out of the model at `path`: `stem`, with the ending of a file where the model is one.
  static func path(_ stem: String, cutFrom path: String) -> String {
    stem + (URL(fileURLWithPath: path).pathExtension.lowercased() == "gguf" ? ".gguf" : "")
  }

  /// What the model loses on a text, in windows of so many tokens.
  func dropped(_ reduced: ReducedTokenizer, on corpus: Corpus, window: Int?) throws -> DroppedMass {
    let whole = try Console().announcing("reading \(path)") {
      try LanguageModel(model, tokenizer: tokenizer, device: device)
    }
    let text = EvaluationText(
      try tokenizer.tokens(of: corpus, threads: device.threads), tokenizer: tokenizer)
    let window = MeasuredWindow(window, for: [.init(folder: path, contextLength: model.configuration.contextLength)])
    Console().write("validation: \(window.description)")
    var line = ProgressLine("validation token", on: Console(), announcing: "measuring \(path)")
    defer { line.end() }
    return try DroppedMass(
      of: whole.decoder, on: text, keeping: reduced.reduction.keptIDs, window: window.tokens
    ) { line.show($0) }
  }

  /// Writes the smaller model, of the same kind, where nothing may be.
  func write(_ reduced: ReducedTokenizer, to output: String) throws {
    let destination = URL(fileURLWithPath: output)
    do {
      try FileManager.default.createDirectory(
        at: destination.deletingLastPathComponent(), withIntermediateDirectories: true)
    } catch {
      throw FileError.unwritable(file: destination.path, reason: error.localizedDescription)
    }
    // what a killed process had written would stay, in a hidden folder
    let interruption = Interruption {
      Console().write("stopping after what is being written; nothing is kept; Ctrl-C again stops at once")
    }
    let rows = VocabularyRows(keeping: reduced.reduction.keptIDs, of: reduced.reduction.originalSize)
    var line = ProgressLine("wrote byte", on: Console(), announcing: "writing \(output)")
    defer { line.end() }
    try model.write(
      to: destination, keeping: rows, with: TokenizerParts(files: reduced.files, notes: reduced.notes),
      progress: { line.show($0, of: $1) },
      check: { url in
        guard !interruption.isRequested else { throw ExitCode(interruption.exitCode) }
        try requireSameTokenizer(reduced.tokenizer, loadTokenizer(from: url))
      })
  }

  private static func progress<Result>(
    _ label: String, _ body: ((TokenizationProgress) -> Void) throws -> Result
  ) throws -> Result {
    var line = ProgressLine("\(label) byte", on: Console(), announcing: "tokenising")
    defer { line.end() }
    return try body { line.show($0.bytesDone, of: $0.bytesTotal) }
  }
}

extension DecoderConfiguration {
  /// The ids that begin and end texts to the model, and fill up batches, of those below a vocabulary's size.
  func specialIDs(below vocabularySize: Int) -> [Int32] {
    ([bosTokenID, padTokenID].compactMap(\.self) + eosTokenIDs).filter { $0 < vocabularySize }.map { Int32($0) }
  }
}
