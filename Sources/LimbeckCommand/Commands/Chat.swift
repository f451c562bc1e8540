import ArgumentParser
import Foundation
import Glibc
import Limbeck
import TextGeneration
import Tokenization

/// `limbeck chat`
struct Chat: ParsableCommand, OptionGroups {
  static let needs = SpeculationOptions.needs
  static let configuration = CommandConfiguration(
    commandName: "chat",
    abstract: "Chats with a model.",
    discussion: """
      Each line is a message, and the model answers. Three quotes begin and end a
      message of several lines; a backslash at a line's end continues it.

        /reset   forgets the conversation, but not --system
        /help    lists these commands
        /exit    leaves, as Ctrl-D does

      Ctrl-C stops an answer; the part that was written stays in the conversation.
      The model reads each message once. When its context is full, the oldest turns
      are dropped.

      The chat template is the model's own: the families of ChatML, Llama 2, Llama
      3, Gemma, Mistral, Zephyr and TinyLlama are known. Without a template the
      model continues plain text. A default system message in a template is not
      used.

      From a pipe, each line is a message, and only the answers are printed, an
      empty line between them.

      Example:
        limbeck chat --model runs/student
        limbeck chat --model runs/teacher --draft runs/student --temperature 0.7 \\
          --system "Answer in one sentence."
        limbeck chat --model runs/student --seed 3 < messages.txt
      """)

  @Option(help: ArgumentHelp("A model folder, or a .gguf file.", valueName: "model"))
  var model: String
  @Option(help: ModelTokenizer.help)
  var tokenizer: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Instructions at the beginning of the conversation.", valueName: "text"))
  var system: String?
  @OptionGroup var template: ChatTemplateOptions
  @OptionGroup var length: LengthOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Speculative decoding") var speculation: SpeculationOptions
  @OptionGroup(title: "Precision") var rounding: GenerationPrecisionOptions
  @Flag(help: "After each answer, print the tokens read and generated, and the speed.")
  var verbose = false
  @OptionGroup(title: "Device") var device: DeviceOptions

  func run() throws {
    let device = try device.device
    // a folder's template that is not known is told before the weights are read; a file's is with its tokenizer
    let place = try ModelLocation(URL(fileURLWithPath: model)).url
    let ofFolder = try place.isFolder ? template.template(folder: place, tokenizer: tokenizer) : nil
    let model = try LanguageModel(
      path: self.model, tokenizer: tokenizer, rounding: rounding.weights.weights, precision: rounding.precision,
      on: device)
    let template = try place.isFolder ? ofFolder : template.template(of: model.tokenizer)
    let generator = try speculation.generator(model, from: self.model, rounding, tokenizer: tokenizer, on: device)
    let conversation = try Conversation(
      generator, format: template?.format(for: model.tokenizer) ?? .continuation, system: system,
      settings: ConversationSettings(
        sampling: sampling.sampling, maxTokens: length.maxTokens, stop: length.stop, seed: sampling.seed))
    var session = ChatSession(
      conversation, maxTokens: length.maxTokens, contextLength: generator.contextLength, isVerbose: verbose)
    try session.run(template: template)
  }
}
