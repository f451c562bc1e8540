import ArgumentParser
import Diagnostics
import Distillation
import Foundation
import LanguageModels
import ModelTraining
import TextGeneration
import Tokenization

/// Learning from the student's own completions.
struct OnPolicyOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Share of steps, 0 to 1, that train on the student's completions (default: 0).",
      valueName: "share"))
  var onPolicy: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Temperature at which the student samples completions (default: 1).", valueName: "t"))
  var onPolicyTemperature: Double?
  @Option(
    help: ArgumentHelp(
      "Prompts to complete: one a line, or JSON rows (default: beginnings of sequences). "
        + "With --on-policy 1, --text is not needed.",
      valueName: "file"))
  var prompts: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Most tokens of a prompt from the text, cut between words (default: half of --sequence-length).",
      valueName: "n"))
  var promptLength: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Most tokens of a completion (default: half of --sequence-length).", valueName: "n"))
  var completionLength: Int?
}

/// `OnPolicyOptions`, settled; nil where no step is on-policy.
struct OnPolicySettings {
  let probability: Double
  private let temperature: Double
  private let sampler: TokenSampler
  private let prompts: String?
  private let promptField: String
  private let promptLength: Int
  private let completionLength: Int

  /// `promptField` is the key of a prompt in rows.
  init?(
    _ options: OnPolicyOptions, promptField: String, sequenceLength: Int, _ recipe: inout RecipeFile
  ) throws(RecipeError) {
    let probability = try recipe.value("on-policy", options.onPolicy)
    let temperature = try recipe.value("on-policy-temperature", options.onPolicyTemperature)
    let prompts = try recipe.path("prompts", options.prompts)
    let promptLength = try recipe.value("prompt-length", options.promptLength)
    let completionLength = try recipe.value("completion-length", options.completionLength)
    let others = [
      ("on-policy-temperature", temperature != nil), ("prompts", prompts != nil),
      ("prompt-length", promptLength != nil), ("completion-length", completionLength != nil),
    ]
    guard let probability else {
      if let (key, _) = others.first(where: \.1) {
        throw recipe.invalid(
          key, expected: "on-policy steps", found: "none", advice: "give their share with --on-policy")
      }
      return nil
    }
    guard (0...1).contains(probability) else {
      throw recipe.invalid("on-policy", expected: "a number from 0 to 1", found: "\(probability)")
    }
    self.probability = probability
    self.temperature = temperature ?? 1
    do { sampler = try Sampling(temperature: self.temperature).sampler() } catch {
      throw recipe.invalid("on-policy-temperature", expected: "0 or a number above 1e-6", found: "\(self.temperature)")
    }
    self.prompts = prompts
    self.promptField = promptField
    self.promptLength = promptLength ?? max(1, sequenceLength / 2)
    self.completionLength = completionLength ?? max(1, sequenceLength / 2)
    if prompts != nil, promptLength != nil {
      throw recipe.invalid(
        "prompt-length", expected: "nothing with --prompts", found: "\(self.promptLength)",
        advice: "these prompts have lengths of their own")
    }
    guard (1...sequenceLength).contains(self.promptLength) else {
      throw recipe.invalid(
        "prompt-length", expected: "a number from 1 to the sequence length of \(sequenceLength)",
        found: "\(self.promptLength)")
    }
    guard self.completionLength >= 1 else {
      throw recipe.invalid("completion-length", expected: "a number of at least 1", found: "\(self.completionLength)")
    }
  }

  /// Whether no step learns from the text: all sample from prompts of their own.
  var needsNoText: Bool { probability == 1 && prompts != nil }

  /// The steps, and what a continued run must share with the one that was begun. Throws whatever is wrong with the
  /// prompts; their lines are named.
  func steps(
    for student: TransformerDecoder, _ tokenizer: any Tokenizer, teacherContextLength: Int
  ) throws -> SampledSteps {
    let contextLength = min(teacherContextLength, student.configuration.contextLength)
    var (source, digest) = (
      OnPolicyPrompts.beginnings(length: promptLength), "of \(Format.count(promptLength, "token")) of the text"
    )
    if let prompts {
      let file = try PromptFile(contentsOf: URL(fileURLWithPath: prompts), field: promptField)
      source = .prompts(try file.ids(tokenizer, contextLength: contextLength))
      digest = file.digest
    } else if promptLength >= contextLength {
      throw RecipeError.flag(
        InvalidValue(
          "--prompt-length", expected: "less than the context of \(contextLength)", found: "\(promptLength)"))
    }
    let value = OnPolicySteps(
      probability: probability, prompts: source, completionLength: completionLength,
      sampler: sampler,
      endIDs: student.configuration.endIDs(of: tokenizer), words: WordBoundaries(tokenizer))
    return SampledSteps(
      value: value,
      settings: "on-policy \(Self.text(probability)), on-policy-temperature \(Self.text(temperature)), "
        + "completion-length \(completionLength)", promptFile: prompts, prompts: digest)
  }

  /// A number as the user types it: "1" for 1.0.
  private static func text(_ number: Double) -> String { Int(exactly: number).map { "\($0)" } ?? "\(number)" }
}

/// The on-policy steps of a run.
struct SampledSteps {
  let value: OnPolicySteps
  /// Their settings, by the names of flags.
  fileprivate let settings: String
  /// The file of prompts, if there is one.
  fileprivate let promptFile: String?
  /// What the prompts are: a digest, or where they are cut from.
  fileprivate let prompts: String

  /// For the header of a run.
  var description: String { "\(settings), prompts \(promptFile.map { "of \($0)" } ?? prompts)" }

  /// What a continued run must share with the one that was begun.
  var inputs: [String: String] { ["on_policy": "\(settings), prompts \(prompts)"] }
}
