import ArgumentParser
import Foundation
import Glibc
import Limbeck
import TextGeneration
import Tokenization

/// `limbeck chat`
struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat",
    abstract: "Talks with a model.",
    discussion: """
      Every line is a message, and the model answers. Three quotes begin and end a
      message of several lines, and a backslash at a line's end continues it.

        /reset   forgets the conversation (not --system)
        /help    lists these commands
        /exit    leaves, as Ctrl-D does

      Ctrl-C stops an answer, and what was said of it stays. The model reads every
      message once. When its context is full, the oldest turns are dropped.

      Messages are written as the model's chat template says: ChatML, Llama 2 and 3,
      Gemma, Mistral, Zephyr and TinyLlama are known. A model without a template
      continues your text. From a pipe, every line is a message, and only answers are
      printed, an empty line between them.

      Example:
        limbeck chat --model runs/student
        limbeck chat --model runs/teacher --draft runs/student --temperature 0.7 \\
          --system "Answer in one sentence."
        limbeck chat --model runs/student --seed 3 < messages.txt
      """)

  @Option(help: ArgumentHelp("A model folder.", valueName: "dir"))
  var model: String
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Instructions that stand at the beginning of the conversation.", valueName: "text"))
  var system: String?
  @OptionGroup var template: ChatTemplateOptions
  @OptionGroup var length: LengthOptions
  @OptionGroup var sampling: SamplingOptions
  @OptionGroup var speculation: SpeculationOptions
  @OptionGroup var rounding: GenerationPrecisionOptions
  @Flag(help: "After every answer, print the tokens that were read and generated, and the speed.")
  var verbose = false
  @OptionGroup var device: DeviceOptions

  func run() throws {
    let device = try device.device
    // a template that is not known is told before the weights are read
    let template = try template.template(folder: URL(fileURLWithPath: model, isDirectory: true))
    let model = try LanguageModel(folder: self.model, precision: rounding.precision, on: device)
    let generator = try speculation.generator(model, from: self.model, rounding, on: device)
    let conversation = try Conversation(
      generator, format: template?.format(for: model.tokenizer) ?? .continuation, system: system,
      settings: ConversationSettings(
        sampling: sampling.sampling, maxTokens: length.maxTokens, stop: length.stop, seed: sampling.seed))
    var session = ChatSession(
      conversation, maxTokens: length.maxTokens, contextLength: generator.contextLength, isVerbose: verbose)
    try session.run(template: template)
  }
}
