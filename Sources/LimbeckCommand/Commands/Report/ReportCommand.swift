import ArgumentParser
import DistillationReport
import DurableFiles
import Foundation
import Logging
import ModelEvaluation
import ModelFiles
import TensorCore
import TextGeneration
import Tokenization

/// `limbeck report`
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Writes a page that shows what became of a distillation.",
    discussion: """
      The page is one HTML file that loads nothing and runs nothing: curves, a table
      of teacher, control and students, samples side by side, a passage coloured by
      KL divergence, and the recipes. RUN is an output folder of 'limbeck distill' or
      'limbeck train', finished or not; of an unfinished run the newest checkpoint is
      measured. Teacher and held-out text are those that the runs' recipes name. The
      only run among RUN that learnt without a teacher is the control.

      Example:
        limbeck report runs/student --control runs/control --output report.html
      """)

  @Argument(help: ArgumentHelp("The folder of a run.", valueName: "run"))
  var runs: [String]
  @Option(help: ArgumentHelp("The page to write; it must not exist.", valueName: "file"))
  var output: String
  @Option(help: ArgumentHelp("The teacher's model folder (default: the recipes').", valueName: "dir"))
  var teacher: String?
  @Option(
    help: ArgumentHelp(
      "The run of 'limbeck train' that the gain of distillation is measured from: the same student, the same tokens.",
      valueName: "dir"))
  var control: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Held-out text (default: the recipes' validation text).", valueName: "path"))
  var text: [String] = []
  @Option(
    help: ArgumentHelp(
      "What counts of rows with a prompt: completions alone, or prompts as well (default: as in the runs' recipes).",
      valueName: "name"))
  var count: CountedTokens?
  @Option(parsing: .unconditional, help: MeasuredWindow.help)
  var window: Int?
  @Option(
    help: ArgumentHelp(
      "Texts for all models to continue: one a line, or a .jsonl file with the key prompt (default: beginnings of paragraphs of the held-out text).",
      valueName: "file"))
  var prompts: String?
  @Option(parsing: .unconditional, help: ArgumentHelp("Tokens of each sample.", valueName: "n"))
  var sampleTokens = 80
  @Option(parsing: .unconditional, help: ArgumentHelp("The same seed gives the same samples.", valueName: "n"))
  var seed: UInt64 = 1
  @OptionGroup var device: DeviceOptions

  func validate() throws {
    if let window, window < 1 { throw ValidationError("window", expected: "at least 1", found: window) }
    if sampleTokens < 1 { throw ValidationError("sample-tokens", expected: "at least 1", found: sampleTokens) }
  }

  func run() throws {
    let log = Logger(Console())
    let destination = URL(fileURLWithPath: output)
    try requireRoom(for: destination)
    let sources = try ReportSources(runs: runs, teacher: teacher, control: control)
    let textPaths = try text.isEmpty ? sources.validationText : text
    let prompts = try prompts.map { try PromptFile(contentsOf: URL(fileURLWithPath: $0)).records.map(\.prompt) }
    let measurement = try ReportMeasurement(sources, on: device.device)
    let report = try measurement.report(
      text: textPaths, counting: count ?? sources.counting, window: window,
      samples: .init(prompts: prompts ?? [], maxTokens: sampleTokens, seed: seed))
    let page = Data(report.html.utf8)
    try requireRoom(for: destination)
    try AtomicFile.write(page, to: destination)
    log.info("wrote \(output): \(Format.count(report.models.count)) models, \(Format.bytes(page.count))")
  }

  /// Looked at before the work, which is long, and after it.
  private func requireRoom(for destination: URL) throws {
    guard !FileManager.default.fileExists(atPath: output) else {
      throw CommandError.outputExists(path: output, advice: "choose another name or remove it first")
    }
    let folder = destination.deletingLastPathComponent()
    guard folder.isFolder else {
      throw FileError.missing(file: folder.path, advice: "make the folder that \(output) is to lie in first")
    }
  }
}
