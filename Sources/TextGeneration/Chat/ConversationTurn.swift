import Foundation
import Tokenization

/// A message of a user and what was answered.
struct ConversationTurn {
  let message: String
  /// The tokens that were generated, without one that ends an answer.
  private(set) var answer: [Int32] = []
  /// Whether the tokens of the answer spell what ends it.
  private(set) var spellsEnd = false

  init(message: String) { self.message = message }

  /// Takes in what was generated; `ends` are the tokens that end an answer, and `endText` the text that does.
  mutating func take(_ generation: Generation, ends: Set<Int32>, endText: String) {
    answer = generation.tokenIDs
    if let last = answer.last, ends.contains(last) { answer.removeLast() }
    spellsEnd = generation.stopReason == .stopString(endText)
  }
}

extension ChatFormat {
  /// What ends an answer, without white space; empty where there is nothing.
  var endOfAnswer: String { assistant.suffix.trimmingCharacters(in: .whitespacesAndNewlines) }

  /// The same as a part of a chat.
  var end: ChatPart { ChatPart(endOfAnswer, isTemplate: true, isCounted: true) }

  /// A user's message and what asks for an answer.
  func question(_ message: String, system: String?) -> [ChatPart] {
    parts(
      of: [system.map { ChatMessage(.system, $0) }, ChatMessage(.user, message)].compactMap(\.self),
      asksForAnswer: true)
  }

  /// What comes between an answer and the next message.
  func parts(after turn: ConversationTurn) -> [ChatPart] {
    let behind = assistant.suffix.range(of: endOfAnswer)?.upperBound ?? assistant.suffix.endIndex
    let end = turn.spellsEnd ? String(assistant.suffix[behind...]) : assistant.suffix
    return end.isEmpty ? [] : [ChatPart(end, isTemplate: true, isCounted: false)]
  }
}
