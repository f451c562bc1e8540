public import DurableFiles
import Foundation

/// A model's chat template, a Jinja program, and the file that it stands in.
public struct ChatTemplateText: Hashable, Sendable {
  /// The program.
  public let text: String
  /// The file, as it was asked for.
  public let file: String

  /// The template among files that are found by name; nil where there is none. It stands in `chat_template.jinja`, or
  /// under `chat_template` in `tokenizer_config.json`: a text, or a list in which the one called `default` is taken.
  public init?(in file: (String) -> NamedFile?) {
    if let program = file("chat_template.jinja") {
      (text, self.file) = (String(decoding: program.contents, as: UTF8.self), program.name)
      return
    }
    guard let file = file("tokenizer_config.json"),
      case .object(let settings) = try? JSONValue(
        parsing: Array(file.contents), file: file.name, dialect: .python),
      let text = settings["chat_template"].flatMap(Self.text)
    else { return nil }
    (self.text, self.file) = (text, file.name)
  }

  private static func text(of value: JSONValue) -> String? {
    switch value {
    case .string(let text): return text
    case .array(let templates):
      let named = templates.compactMap { template -> (name: String, text: String)? in
        guard case .object(let fields) = template, case .string(let name) = fields["name"],
          case .string(let text) = fields["template"]
        else { return nil }
        return (name, text)
      }
      return (named.first { $0.name == "default" } ?? named.first)?.text
    default: return nil
    }
  }
}

extension ChatTemplateText {
  /// The template among the files of a tokenizer; nil where it has none.
  public init?(of tokenizer: any Tokenizer) {
    let files = tokenizer.files
    self.init { name in files.first { $0.name == name } }
  }
}
