/// One message of a chat.
public struct ChatMessage: Hashable, Sendable, Codable {
  /// Who speaks.
  public enum Role: String, Hashable, Sendable, Codable, CaseIterable {
    /// Instructions that hold for the whole chat.
    case system
    /// Who asks.
    case user
    /// Who answers: the model.
    case assistant
  }

  /// Who speaks.
  public var role: Role
  /// What is said.
  public var content: String

  /// A message, as the properties say.
  public init(_ role: Role, _ content: String) {
    self.role = role
    self.content = content
  }
}

/// A part of a chat's text.
public struct ChatPart: Hashable, Sendable {
  /// The text. In a template's part the spellings of BOS and EOS stand for these tokens.
  public var text: String
  /// Whether the text is the template's, rather than a message's.
  public var isTemplate: Bool
  /// Whether the model is to learn it: what the assistant says, and what ends the assistant's turn.
  public var isCounted: Bool

  /// A part, as the properties say.
  public init(_ text: String, isTemplate: Bool, isCounted: Bool) {
    self.text = text
    self.isTemplate = isTemplate
    self.isCounted = isCounted
  }
}

/// How the messages of a chat are written as one text: what stands before and behind each, by its role. It has no ids,
/// so that it serves any tokenizer.
public struct ChatFormat: Hashable, Sendable, Codable {
  /// What stands around a message.
  public struct Turn: Hashable, Sendable, Codable {
    /// What comes before the message.
    public var prefix: String
    /// What comes behind it. What ends the assistant's turn is learnt, but for white space at its end.
    public var suffix: String

    /// A turn, as the properties say.
    public init(prefix: String = "", suffix: String = "") {
      self.prefix = prefix
      self.suffix = suffix
    }
  }

  /// Around a message of the system.
  public var system: Turn
  /// Around a message of the user.
  public var user: Turn
  /// Around a user's message that follows the system's, where that is different (Llama 2).
  public var userAfterSystem: Turn?
  /// Around a message of the assistant.
  public var assistant: Turn
  /// What asks for the assistant's answer, after a user's message.
  public var generationPrompt: String

  /// A format, as the properties say.
  /// - Parameters:
  ///   - system: around a message of the system.
  ///   - user: around a message of the user.
  ///   - userAfterSystem: around a user's message after the system's; nil, the default, for `user`.
  ///   - assistant: around a message of the assistant.
  ///   - generationPrompt: what asks for an answer; nil, the default, for the assistant's prefix.
  public init(
    system: Turn, user: Turn, userAfterSystem: Turn? = nil, assistant: Turn, generationPrompt: String? = nil
  ) {
    self.system = system
    self.user = user
    self.userAfterSystem = userAfterSystem
    self.assistant = assistant
    self.generationPrompt = generationPrompt ?? assistant.prefix
  }

  /// Each message on lines of its own, without any sign of who speaks: for models without a template.
  public static let plain = ChatFormat(
    system: Turn(suffix: "\n"), user: Turn(suffix: "\n"), assistant: Turn(suffix: "\n"))

  /// ChatML, as many instruction-tuned models have it (Qwen, SmolLM).
  public static let chatML = ChatFormat(
    system: Turn(prefix: "<|im_start|>system\n", suffix: "<|im_end|>\n"),
    user: Turn(prefix: "<|im_start|>user\n", suffix: "<|im_end|>\n"),
    assistant: Turn(prefix: "<|im_start|>assistant\n", suffix: "<|im_end|>\n"))

  /// Whether a text that ends with the assistant's turn ends with EOS: where the format has no sign of its own for the
  /// end of the turn.
  public var endsWithEOS: Bool { assistant.suffix.allSatisfy(\.isWhitespace) }

  /// The text of a chat, in parts that follow one another; none is empty.
  /// - Parameters:
  ///   - messages: the messages, in order.
  ///   - asksForAnswer: whether what asks for the assistant's answer follows them; false by default.
  /// - Returns: the parts, to be encoded by `Tokenizer.encode(_:isContinued:threads:)`.
  public func parts(of messages: [ChatMessage], asksForAnswer: Bool = false) -> [ChatPart] {
    var parts: [ChatPart] = []
    func add(_ text: some StringProtocol, isTemplate: Bool, isCounted: Bool) {
      if text.isEmpty { return }
      if isTemplate, let last = parts.last, last.isTemplate, last.isCounted == isCounted {
        parts[parts.count - 1].text += text
      } else {
        parts.append(ChatPart(String(text), isTemplate: isTemplate, isCounted: isCounted))
      }
    }
    var previous: ChatMessage.Role?
    for (index, message) in messages.enumerated() {
      let turn = turn(of: message.role, after: previous)
      let isAssistant = message.role == .assistant
      add(turn.prefix, isTemplate: true, isCounted: false)
      add(message.content, isTemplate: false, isCounted: isAssistant)
      // white space behind the end of a turn is never generated
      let end = isAssistant ? turn.suffix.lastIndex { !$0.isWhitespace }.map(turn.suffix.index(after:)) : nil
      let middle = end ?? turn.suffix.startIndex
      add(turn.suffix[..<middle], isTemplate: true, isCounted: true)
      if index < messages.count - 1 || asksForAnswer || !isAssistant {
        add(turn.suffix[middle...], isTemplate: true, isCounted: false)
      }
      previous = message.role
    }
    if asksForAnswer { add(generationPrompt, isTemplate: true, isCounted: false) }
    return parts
  }

  private func turn(of role: ChatMessage.Role, after previous: ChatMessage.Role?) -> Turn {
    switch role {
    case .system: system
    case .user: previous == .system ? userAfterSystem ?? user : user
    case .assistant: assistant
    }
  }
}
