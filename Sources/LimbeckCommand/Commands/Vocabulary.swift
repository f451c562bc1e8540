import ArgumentParser
import Diagnostics
import DurableFiles
import Foundation
import Limbeck
import ModelEvaluation
import ModelFiles
import TensorCore
import TextGeneration
import Tokenization

/// `limbeck vocabulary`
struct Vocabulary: ParsableCommand, OptionGroups {
  static let needs = ["also": ["also-text"], "also-text": ["also"], "window": ["validation-text"]]
  static let configuration = CommandConfiguration(
    commandName: "vocabulary",
    abstract: "Cuts a model's vocabulary down to what a text needs, exactly.",
    discussion: """
      A large vocabulary is most of the work of a small model, and a domain's text
      uses a few per cent of it. The smaller model has the tokens that the text is
      cut into, all that these are merged from, and every byte, control and
      user-defined token. Its tokenizer cuts the text into the same tokens as
      before, which is checked on the whole text before anything is written; other
      text is spelled in more tokens and comes back unchanged. The rows of embedding
      and head are taken over as they are, quantised or not; nothing else changes. A
      folder becomes a folder, a .gguf file a .gguf file.

      Teacher and student then share the smaller vocabulary: make the student from
      the smaller model. What the model loses is the probability that it gave the
      other tokens; --validation-text measures it.

      For BPE (SentencePiece's and byte-level) and unigram tokenizers.

      Example:
        limbeck vocabulary --from gemma.gguf --text books/ --output smaller.gguf \\
          --validation-text held-out.txt
        limbeck student --from smaller.gguf --count 9 --output student
      """)

  @Option(help: ArgumentHelp("The model: a folder or a .gguf file.", valueName: "model"))
  var from: String
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Text that keeps its tokens: files, folders, or rows (.jsonl, .json).", valueName: "path"))
  var text: [String]
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Text of which the most frequent other tokens are kept, too.", valueName: "path"))
  var alsoText: [String] = []
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many tokens of --also-text; those that they are merged from come on top.", valueName: "n"))
  var also: Int?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Text to measure the probability on that the model loses.", valueName: "path"))
  var validationText: [String] = []
  @Option(parsing: .unconditional, help: MeasuredWindow.help)
  var window: Int?
  @Option(help: ArgumentHelp("The folder or .gguf file to write; it must not exist.", valueName: "path"))
  var output: String
  @OptionGroup var keys: TextKeyOptions
  @Flag(help: "Print one JSON object.")
  var json = false
  @OptionGroup(title: "Device") var device: DeviceOptions

  func validate() throws {
    try ValidationError.requirePath(output, "output")
    if text.isEmpty { throw ValidationError("text", expected: "text files or folders", found: "none") }
    if let also, also < 1 { throw ValidationError("also", expected: "at least 1", found: also) }
    if let window, window < 1 { throw ValidationError("window", expected: "at least 1", found: window) }
  }

  func run() throws {
    guard !somethingExists(at: output) else {
      throw CommandError.outputExists(path: output, advice: "choose another name or remove it first")
    }
    let device = try device.device
    let console = Console()
    let (model, tokenizer) = try console.announcing("reading \(from)") {
      let model = try openModel(path: from)
      try requireOutput(like: model)
      let tokenizer = try model.tokenizer
      try model.configuration.requireVocabulary(
        for: tokenizer.vocabularySize, file: model.configurationFile.path)
      return (model, tokenizer)
    }
    let corpus = try corpus(text, for: tokenizer)
    try console.announcing("checking \(from)") { try model.requireFiniteWeights() }
    let reduction = try reduction(of: tokenizer, for: model, corpus, device)
    let reduced = try console.announcing("reducing the tokenizer") { try ReducedTokenizer(tokenizer, by: reduction) }
    let tokens = try progress("checked") { show in
      try reduced.requireSameTokens(as: tokenizer, on: corpus, threads: device.threads, progress: show)
    }
    let loss = try validationText.isEmpty ? nil : measured(model, tokenizer, reduction, device)
    try write(model, reduced)
    let result = VocabularyReport(
      tokens: tokens, vocabulary: reduction.keptIDs.count, originalVocabulary: reduction.originalSize,
      digest: reduced.tokenizer.digest.hexadecimal, originalDigest: tokenizer.digest.hexadecimal,
      weightBytes: try openModel(at: URL(fileURLWithPath: output)).weightBytes, originalWeightBytes: model.weightBytes,
      dropped: loss)
    if json { try StandardOutput.write(json: result) } else { try StandardOutput.write(result.text) }
    console.write("wrote \(output)")
  }

  /// Checks that the output is of the model's kind.
  private func requireOutput(like model: any StoredModel) throws {
    let ending = URL(fileURLWithPath: output).pathExtension.lowercased()
    guard ending != model.fileExtension else { return }
    if let expected = model.fileExtension {
      throw ValidationError("output", expected: "a .\(expected) file, as the model is", found: output)
    }
    if let value = InvalidValue(ofModelFolder: output, "output") { throw ValidationError(value) }
  }

  private func corpus(_ paths: [String], for tokenizer: any Tokenizer) throws -> Corpus {
    try Console().announcing("reading \(paths.joined(separator: ", "))") {
      try TextListing(keys: keys.keys).corpus(paths, Console()).chatting(for: tokenizer)
    }
  }

  private func reduction(
    of tokenizer: any Tokenizer, for model: any StoredModel, _ corpus: Corpus, _ device: Device
  ) throws -> VocabularyReduction {
    func counts(_ corpus: Corpus, _ label: String) throws -> TokenCounts {
      try progress(label) { show in
        try TokenCounts(of: corpus, by: tokenizer, threads: device.threads, progress: show)
      }
    }
    let needed = try counts(corpus, "read")
    let others = try alsoText.isEmpty ? nil : counts(self.corpus(alsoText, for: tokenizer), "read other")
    let configuration = model.configuration
    let special = [configuration.bosTokenID, configuration.padTokenID].compactMap(\.self) + configuration.eosTokenIDs
    return try VocabularyReduction(
      of: tokenizer, keeping: needed, and: others, mostFrequent: also ?? 0,
      special: special.filter { $0 < tokenizer.vocabularySize }.map { Int32($0) })
  }

  private func progress<Result>(
    _ label: String, _ body: ((TokenizationProgress) -> Void) throws -> Result
  ) throws -> Result {
    var line = ProgressLine("\(label) byte", on: Console(), announcing: "tokenising")
    defer { line.end() }
    return try body { line.show($0.bytesDone, of: $0.bytesTotal) }
  }

  private func measured(
    _ model: any StoredModel, _ tokenizer: any Tokenizer, _ reduction: VocabularyReduction, _ device: Device
  ) throws -> DroppedMass {
    let whole = try Console().announcing("reading \(from)") {
      try LanguageModel(model, tokenizer: tokenizer, device: device)
    }
    let text = EvaluationText(
      try tokenizer.tokens(of: corpus(validationText, for: tokenizer), threads: device.threads), tokenizer: tokenizer)
    let window = MeasuredWindow(window, for: [.init(folder: from, contextLength: model.configuration.contextLength)])
    Console().write("validation: \(window.description)")
    var line = ProgressLine("validation token", on: Console(), announcing: "measuring \(from)")
    defer { line.end() }
    return try DroppedMass(of: whole.decoder, on: text, keeping: reduction.keptIDs, window: window.tokens) {
      line.show($0)
    }
  }

  private func write(_ model: any StoredModel, _ reduced: ReducedTokenizer) throws {
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
}
