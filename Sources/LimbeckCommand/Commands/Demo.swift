import ArgumentParser
import Diagnostics
import DurableFiles
import Foundation
import Tokenization

/// `limbeck demo`
struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Makes a small language model out of a text, step by step.",
    discussion: """
      Runs the other subcommands one after another, and shows each before it runs: a
      tokenizer; a teacher that learns the text; a control, a small model that
      learns it, too; a student, which is the same small model, distilled from the
      teacher on the same tokens in the same order. Then it compares the three on
      text that none of them has seen, writes a report, and the student as a GGUF
      file for llama.cpp, and prints a sample of each.

      A megabyte or more of text is good, and takes a few minutes. What is made is
      not made again: after Ctrl-C, a kill or an error the same command goes on.

      Example:
        limbeck demo --text books/
        limbeck demo --text books/ --validation-text held-out.txt --output small
      """)

  @Option(parsing: .upToNextOption, help: ArgumentHelp("Files or folders of text.", valueName: "path"))
  var text: [String]
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Text to measure on (default: 5 % of the paragraphs of --text).", valueName: "path"))
  var validationText: [String] = []
  @Option(help: ArgumentHelp("Folder for all that is made.", valueName: "folder"))
  var output = "demo"
  @Option(parsing: .unconditional, help: ArgumentHelp("Tokens of the tokenizer.", valueName: "n"))
  var vocabularySize = 2_048
  @Option(help: ArgumentHelp("Size of the teacher, or a config.json.", valueName: "size"))
  var teacher = "3M"
  @Option(help: ArgumentHelp("Size of the student, or a config.json.", valueName: "size"))
  var student = "250K"
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Steps of the student, of 1,024 tokens; the teacher takes twice as many.", valueName: "n"))
  var steps = 800
  @Option(parsing: .unconditional, help: ArgumentHelp("Seed of weights, order and samples.", valueName: "n"))
  var seed: UInt64 = 1
  @OptionGroup(title: "Device") var device: DeviceOptions

  /// More than anyone waits for.
  private static let allowedSteps = 1...1_000_000_000

  func validate() throws {
    for (path, flag) in [(output, "output"), (teacher, "teacher"), (student, "student")] {
      try ValidationError.requirePath(path, flag)
    }
    if text.isEmpty { throw ValidationError("text", expected: "a file or a folder", found: "none") }
    if !Self.allowedSteps.contains(steps) {
      throw ValidationError("steps", expected: "from 1 to \(Self.allowedSteps.upperBound)", found: "\(steps)")
    }
  }

  func run() throws {
    for model in [teacher, student] { _ = try ModelSource(path: model, contextLength: DemoSteps.sequenceLength) }
    try ClaimedFolder.claim(
      output, for: DemoSettings(self, contents: digest(of: text + validationText)), named: "demo",
      of: "a demo with these options and of this text")
    for step in DemoSteps(self).all where !step.isDone { try step.run() }
    let file = "\(output)/student.gguf".shellQuoted
    Console().write(
      "\n== Everything is in \(output): report.html for a browser, student.gguf for llama.cpp and Ollama. To go on:\n"
        + "$ limbeck generate --model \("\(output)/student".shellQuoted) --prompt \"…\"\n"
        + "$ llama-cli --model \(file) --prompt \"…\"")
  }
}

extension Demo {
  /// Stands for the contents of the texts.
  private func digest(of paths: [String]) throws -> String {
    let files = try TextListing().corpus(paths, Console()).sources.map { source in
      try Digest.sha256(of: MappedFile(contentsOf: URL(fileURLWithPath: source.name)))
    }
    return Digest.sha256(of: Data(files.joined().utf8))
  }
}

/// What a demo's folder was made from: another demo does not go on with it.
private struct DemoSettings: Codable, Equatable {
  let text, validationText: [String]
  /// Stands for what the texts contain.
  let contents: String
  let vocabularySize: Int
  let teacher, student: String
  let steps: Int
  let seed: UInt64

  init(_ demo: Demo, contents: String) {
    text = demo.text
    validationText = demo.validationText
    self.contents = contents
    vocabularySize = demo.vocabularySize
    (teacher, student) = (demo.teacher, demo.student)
    steps = demo.steps
    seed = demo.seed
  }
}
