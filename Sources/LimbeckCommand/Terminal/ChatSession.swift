import Foundation
import Glibc
import TextGeneration

/// A conversation at a terminal, or through a pipe: reads messages, prints answers.
struct ChatSession {
  private let conversation: Conversation
  private let maxTokens, contextLength: Int
  private let isVerbose: Bool
  private let console = Console()
  /// Whether a person types the messages.
  private let isInteractive = isatty(STDIN_FILENO) == 1
  private var input: ChatInput
  private var hasAnswered = false

  init(_ conversation: Conversation, maxTokens: Int, contextLength: Int, isVerbose: Bool) {
    self.conversation = conversation
    self.maxTokens = maxTokens
    self.contextLength = contextLength
    self.isVerbose = isVerbose
    input = ChatInput(isInteractive: isInteractive)
  }

  /// Answers messages until there are no more.
  mutating func run(template: ChatTemplate?) throws {
    if isInteractive {
      console.write(
        (template.map { "Chat template: \($0.rawValue)." } ?? "No chat template: the model continues your text.")
          + " /help lists the commands; Ctrl-D leaves.")
    }
    // Ctrl-D leaves the cursor behind the question for a message
    defer { if isInteractive { console.write("") } }
    while let turn = input.next() {
      switch turn {
      case .exit: return
      case .reset:
        conversation.reset()
        if isInteractive { console.write("The conversation is forgotten.") }
      case .help: console.write(ChatInput.help)
      case .unknown(let message): console.write(message)
      case .message(let text): try answer(text)
      }
    }
  }

  private mutating func answer(_ message: String) throws {
    if !isInteractive, hasAnswered { try StandardOutput.write("\n") }
    // through a pipe Ctrl-C ends the process
    let interruption = isInteractive ? Interruption {} : nil
    var (isBlank, failure) = (true, CommandError?.none)
    let answer: ConversationAnswer
    do throws(GenerationError) {
      answer = try conversation.answer(to: message) { part in
        let text = isBlank ? String(part.drop(while: \.isWhitespace)) : part
        if !text.isEmpty { isBlank = false }
        do throws(CommandError) { try StandardOutput.write(text) } catch { failure = error }
        return failure == nil && interruption?.isRequested != true ? .proceed : .stop
      }
    } catch {
      guard isInteractive else { throw error }
      console.write("error: \(error)")
      return
    }
    if let failure { throw failure }
    try StandardOutput.write("\n")
    hasAnswered = true
    for notice in notices(answer) { console.write(notice) }
    if isInteractive { console.write("") }
  }

  /// What is to be said besides the answer.
  private func notices(_ answer: ConversationAnswer) -> [String] {
    var notices: [String] = []
    let turns = answer.droppedTurns == 1 ? "oldest turn was" : "\(answer.droppedTurns) oldest turns were"
    if answer.droppedTurns > 0 {
      notices.append("[the context of \(contextLength) tokens was full: the \(turns) dropped]")
    }
    switch answer.generation.stopReason {
    case .contextFull: notices.append("[the context of \(contextLength) tokens is full: the answer ends here]")
    case .maxTokens where isInteractive:
      notices.append("[stopped after \(Format.count(maxTokens, "token")): see --max-tokens]")
    case .handler: notices.append("[stopped]")
    default: break
    }
    return notices + (isVerbose ? [speed(answer)] : [])
  }

  private func speed(_ answer: ConversationAnswer) -> String {
    let generation = answer.generation
    let speed = Double(generation.tokenIDs.count) / max(generation.generationSeconds, 1e-9)
    var facts = [
      "read \(Format.count(generation.promptTokenCount - answer.keptTokens, "token")) in "
        + "\(Format.fixed(generation.promptSeconds, 2)) s, \(Format.count(answer.keptTokens)) kept",
      "generated \(Format.count(generation.tokenIDs.count)) at \(Format.fixed(speed, 1)) tokens/s",
    ]
    if let acceptance = generation.speculation?.acceptance {
      facts.append("\(Format.fixed(100 * acceptance, 1)) % of drafted tokens accepted")
    }
    return "[" + facts.joined(separator: "; ") + "]"
  }
}
