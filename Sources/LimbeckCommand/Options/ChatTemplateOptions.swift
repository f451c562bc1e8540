public import ArgumentParser
import Foundation
public import TextGeneration
import Tokenization

/// How messages and answers become one text.
struct ChatTemplateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The chat template's family (default: that of the model's folder).", valueName: "name"))
  var template: ChatTemplate?
  @Flag(help: "Continue plain text, even if the model has a chat template.")
  var noTemplate = false

  func validate() throws {
    if noTemplate, template != nil {
      throw ValidationError("template", expected: "nothing beside --no-template", found: template?.rawValue ?? "")
    }
  }

  /// The template of a model in `folder`; nil where plain text is continued. Throws where its own is not known.
  func template(folder: URL) throws -> ChatTemplate? {
    if noTemplate { return nil }
    if let template { return template }
    return try ChatTemplate(folder: folder)
  }
}

extension ChatTemplate: ExpressibleByArgument {}

extension ChatFormat {
  /// Plain text: an answer goes on where the message ends, and the next message begins a line.
  static let continuation = ChatFormat(system: Turn(suffix: "\n"), user: Turn(), assistant: Turn(suffix: "\n"))
}
