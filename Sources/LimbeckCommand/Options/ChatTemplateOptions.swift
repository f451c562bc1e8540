public import ArgumentParser
import Foundation
public import TextGeneration
import Tokenization

/// How messages and answers become one text.
struct ChatTemplateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The family of the chat template (default: as the model's folder says).", valueName: "name"))
  var template: ChatTemplate?
  @Flag(help: "Let the model continue plain text, whatever template its folder has.")
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
