public import ArgumentParser
import Foundation
public import TextGeneration
import Tokenization

/// How messages and answers become one text.
struct ChatTemplateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The chat template's family (default: that of the model).", valueName: "name"))
  var template: ChatTemplate?
  @Flag(help: "Continue plain text, even if the model has a chat template.")
  var noTemplate = false

  func validate() throws {
    if noTemplate, template != nil {
      throw ValidationError("template", expected: "nothing beside --no-template", found: template?.rawValue ?? "")
    }
  }

  /// The template among a tokenizer's files; nil where plain text is continued. Throws where it is not known.
  func template(of tokenizer: any Tokenizer) throws -> ChatTemplate? {
    if noTemplate { return nil }
    return try template ?? ChatTemplate(of: tokenizer)
  }

  /// The template of a model in `folder`, or else that beside its tokenizer, at a path; nil where plain text is
  /// continued. Throws where the model's own is not known.
  func template(folder: URL, tokenizer: String?) throws -> ChatTemplate? {
    if noTemplate { return nil }
    if let template { return template }
    if let own = try ChatTemplate(folder: folder) { return own }
    return try tokenizer.flatMap { path in
      let url = URL(fileURLWithPath: path)
      return try ChatTemplate(folder: url.isFolder ? url : url.deletingLastPathComponent())
    }
  }
}

extension ChatTemplate: ExpressibleByArgument {}

extension ChatFormat {
  /// Plain text: an answer goes on where the message ends, and the next message begins a line.
  static let continuation = ChatFormat(system: Turn(suffix: "\n"), user: Turn(), assistant: Turn(suffix: "\n"))
}
