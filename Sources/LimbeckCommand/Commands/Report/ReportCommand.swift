import ArgumentParser
import DistillationReport
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
    abstract: "Writes an HTML report of distillations.",
    discussion: """
      The report is one HTML file without scripts or links: curves, a table of
      teacher, control and students, samples side by side, a passage coloured by KL
      divergence, and the recipes. RUN is an output folder of 'limbeck distill' or
      'limbeck train'; of an unfinished run the newest checkpoint is used. Teacher
      and held-out text are those of the runs' recipes, unless flags say otherwise.
      The only run without a teacher is the control. Where the models have a chat
      template, --prompts are messages, and the samples answers to them.

      Example:
        limbeck report runs/student --control runs/control --output report.html
        limbeck report runs/student --weights q8_0 q4_0 --output report.html
        limbeck report runs/student --tasks arc.jsonl --output report.html
      """)

  @Argument(help: ArgumentHelp("Folder of a run.", valueName: "run"))
  var runs: [String]
  @Option(help: ArgumentHelp("HTML file to write; must not exist.", valueName: "file"))
  var output: String
  @Option(
    help: ArgumentHelp("Teacher's model folder, or .gguf file (default: that of the recipes).", valueName: "model"))
  var teacher: String?
  @Option(
    help: ArgumentHelp(
      "Run of 'limbeck train' with the same student and text, without a teacher.",
      valueName: "run"))
  var control: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Held-out text (default: what the runs were validated on).", valueName: "path"))
  var text: [String] = []
  @Option(
    help: ArgumentHelp(
      "What counts of rows with a prompt: completions alone, or prompts as well (default: as in the runs' recipes).",
      valueName: "name"))
  var count: CountedTokens?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Also measure the students with their weights rounded to these types, as 'limbeck export' does.",
      valueName: "type"))
  var weights: [GGUFWeightType] = []
  @Option(parsing: .unconditional, help: MeasuredWindow.help)
  var window: Int?
  @Option(
    help: ArgumentHelp(
      "Prompts of the samples: one a line, or JSON rows (default: beginnings of held-out paragraphs).",
      valueName: "file"))
  var prompts: String?
  @OptionGroup var template: ChatTemplateOptions
  @OptionGroup var tasks: TaskOptions
  @Option(parsing: .unconditional, help: ArgumentHelp("Tokens of each sample.", valueName: "n"))
  var sampleTokens = 80
  @Option(parsing: .unconditional, help: ArgumentHelp("Seed of the samples.", valueName: "n"))
  var seed: UInt64 = 1
  @OptionGroup var device: DeviceOptions

  func validate() throws {
    try ValidationError.requirePath(output, "output")
    if let window, window < 1 { throw ValidationError("window", expected: "at least 1", found: window) }
    if sampleTokens < 1 { throw ValidationError("sample-tokens", expected: "at least 1", found: sampleTokens) }
  }

  func run() throws {
    let log = Logger(Console())
    let file = try NewFile(output)
    let questions = try tasks.load()
    let sources = try ReportSources(runs: runs, teacher: teacher, control: control)
    let heldOut = try sources.heldOutText(text, counting: count)
    let prompts = try prompts.map { try PromptFile(contentsOf: URL(fileURLWithPath: $0)).records.map(\.prompt) }
    let measurement = try ReportMeasurement(sources, rounding: weights, on: device.device)
    var report = try measurement.report(
      on: heldOut, window: window,
      samples: .init(prompts: prompts ?? [], template: template, maxTokens: sampleTokens, seed: seed))
    try measurement.ask(questions, tasks, &report.models)
    let page = Data(report.html.utf8)
    try file.write(page)
    log.info("wrote \(output): \(Format.count(report.models.count, "model")), \(Format.bytes(page.count))")
  }
}
