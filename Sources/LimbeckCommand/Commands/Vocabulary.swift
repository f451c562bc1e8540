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
      user-defined token but those that are only reserved (<unused7>). Its
      tokenizer cuts the text into the same tokens as before, which is checked on
      the whole text before anything is written; other text is spelled in more
      tokens and comes back unchanged. The rows of embedding and head are taken over
      as they are, quantised or not; nothing else changes. A folder becomes a
      folder, a .gguf file a .gguf file.

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
    let cutter = try VocabularyCutter(from, keys: keys.keys, on: device.device)
    try requireOutput(like: cutter.model)
    let corpus = try cutter.corpus(text)
    try Console().announcing("checking \(from)") { try cutter.model.requireFiniteWeights() }
    let reduced = try cutter.reduced(
      to: corpus, and: alsoText.isEmpty ? nil : cutter.corpus(alsoText), mostFrequent: also ?? 0)
    let tokens = try cutter.requireSameTokens(reduced, on: corpus)
    let loss =
      try validationText.isEmpty ? nil : cutter.dropped(reduced, on: cutter.corpus(validationText), window: window)
    try cutter.write(reduced, to: output)
    let result = VocabularyReport(
      tokens: tokens, vocabulary: reduced.reduction.keptIDs.count, originalVocabulary: reduced.reduction.originalSize,
      digest: reduced.tokenizer.digest.hexadecimal, originalDigest: cutter.tokenizer.digest.hexadecimal,
      weightBytes: try openModel(at: URL(fileURLWithPath: output)).weightBytes,
      originalWeightBytes: cutter.model.weightBytes, dropped: loss)
    if json { try StandardOutput.write(json: result) } else { try StandardOutput.write(result.text) }
    Console().write("wrote \(output)")
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
}
