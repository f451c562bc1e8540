public import Diagnostics
import DurableFiles
public import Foundation
public import Tokenization

/// The chat templates that are known. A model's folder has its template as a Jinja program, which is not run: it is
/// recognised by the markers in it, and the turns are then written as the template's family writes them.
public enum ChatTemplate: String, Sendable, CaseIterable {
  /// `<|im_start|>`: ChatML, of Qwen, SmolLM and many others.
  case chatML = "chatml"
  /// `<|start_header_id|>`: Llama 3.
  case llama3
  /// `<start_of_turn>`: Gemma.
  case gemma
  /// `<|user|>`: Zephyr and TinyLlama.
  case zephyr
  /// `[INST]` with `<<SYS>>`: Llama 2.
  case llama2
  /// `[INST]` alone: Mistral.
  case mistral
  /// No markers: each message on lines of its own.
  case plain

  /// The template of a model's folder; nil where it has none.
  /// Throws where it is of no known family, naming the file.
  public init?(folder: URL) throws(InvalidValue) {
    let template = ChatTemplateText { name in
      let file = folder.appendingPathComponent(name)
      return (try? Data(contentsOf: file)).map { NamedFile(name: file.path, contents: $0) }
    }
    guard let template else { return nil }
    try self.init(template)
  }

  /// The template among the files of a tokenizer; nil where it has none. Throws as `init(folder:)`.
  public init?(of tokenizer: any Tokenizer) throws(InvalidValue) {
    guard let template = ChatTemplateText(of: tokenizer) else { return nil }
    try self.init(template)
  }

  private init(_ source: ChatTemplateText) throws(InvalidValue) {
    guard let template = Self(recognising: source.text) else {
      throw InvalidValue(
        source.file, "chat_template",
        expected: "the template of ChatML, Llama 2, Llama 3, Gemma, Mistral, Zephyr or TinyLlama",
        found: "one without their markers",
        advice: "give the family that is nearest with --template, or --no-template to continue plain text")
    }
    self = template
  }

  /// The family of a template, or nil where it has no markers that are known.
  init?(recognising jinja: String) {
    func has(_ marker: String) -> Bool { jinja.contains(marker) }
    if has("<|im_start|>") {
      self = .chatML
    } else if has("<|start_header_id|>") {
      self = .llama3
    } else if has("<start_of_turn>") {
      self = .gemma
    } else if has("<|user|>"), has("<|assistant|>"), !has("<|end|>") {
      self = .zephyr
    } else if has("[INST]") {
      self = has("<<SYS>>") ? .llama2 : .mistral
    } else {
      return nil
    }
  }

  /// How messages become one text, where the tokenizer's BOS and EOS have their own spellings.
  public func format(for tokenizer: some Tokenizer) -> ChatFormat {
    let (bos, eos) = (tokenizer.bosID.map(tokenizer.spelling), tokenizer.eosID.map(tokenizer.spelling))
    return format(bos: bos ?? "", eos: eos ?? "")
  }

  private func format(bos: String, eos: String) -> ChatFormat {
    typealias Turn = ChatFormat.Turn
    switch self {
    case .chatML: return .chatML
    case .plain: return .plain
    case .llama3:
      func turn(_ role: String) -> Turn {
        Turn(prefix: "<|start_header_id|>\(role)<|end_header_id|>\n\n", suffix: "<|eot_id|>")
      }
      return ChatFormat(system: turn("system"), user: turn("user"), assistant: turn("assistant"))
    case .gemma:
      return ChatFormat(
        system: Turn(prefix: "<start_of_turn>user\n", suffix: "\n\n"),
        user: Turn(prefix: "<start_of_turn>user\n", suffix: "<end_of_turn>\n"),
        userAfterSystem: Turn(suffix: "<end_of_turn>\n"),
        assistant: Turn(prefix: "<start_of_turn>model\n", suffix: "<end_of_turn>\n"))
    case .zephyr:
      func turn(_ role: String) -> Turn { Turn(prefix: "<|\(role)|>\n", suffix: "\(eos)\n") }
      return ChatFormat(system: turn("system"), user: turn("user"), assistant: turn("assistant"))
    case .llama2:
      return ChatFormat(
        system: Turn(prefix: "\(bos)[INST] <<SYS>>\n", suffix: "\n<</SYS>>\n\n"),
        user: Turn(prefix: "\(bos)[INST] ", suffix: " [/INST]"), userAfterSystem: Turn(suffix: " [/INST]"),
        assistant: Turn(prefix: " ", suffix: " \(eos)"), generationPrompt: "")
    case .mistral:
      return ChatFormat(
        system: Turn(prefix: "[INST] ", suffix: "\n\n"), user: Turn(prefix: "[INST] ", suffix: " [/INST]"),
        userAfterSystem: Turn(suffix: " [/INST]"), assistant: Turn(prefix: " ", suffix: eos), generationPrompt: "")
    }
  }
}
