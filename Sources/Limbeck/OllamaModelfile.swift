import DurableFiles
public import Foundation

/// The file that makes a model of Ollama out of a GGUF file: `ollama create NAME -f FILE`.
public struct OllamaModelfile: Sendable {
  /// Where it lies: beside the GGUF file, `student.Modelfile` for `student.gguf`.
  public let url: URL
  /// Its content.
  public let text: String

  /// Where the file for a GGUF file lies.
  public static func url(beside file: URL) -> URL {
    file.deletingPathExtension().appendingPathExtension("Modelfile")
  }

  /// The file for `model`, which lies in `file`.
  ///
  /// It says the context and the tokens that end a text. The chat template is in the GGUF file, where Ollama looks for
  /// it; a model without one goes on from the prompt as it is.
  public init(for file: URL, of model: LanguageModel) {
    url = Self.url(beside: file)
    var lines = ["FROM ./\(file.lastPathComponent)", "PARAMETER num_ctx \(model.configuration.contextLength)"]
    for id in model.configuration.eosTokenIDs where id < model.tokenizer.vocabularySize {
      let token = model.tokenizer.spelling(of: Int32(id))
      // what would need quotes of its own is known by its id alone
      guard !token.isEmpty, !token.contains(where: { $0.isNewline || $0 == "\"" || $0 == "\\" }) else { continue }
      lines.append("PARAMETER stop \"\(token)\"")
    }
    if ChatTemplateText(of: model.tokenizer) == nil { lines.append("TEMPLATE \"\"\"{{ .Prompt }}\"\"\"") }
    text = lines.joined(separator: "\n") + "\n"
  }

  /// Writes it, where nothing may stand. Throws `exists` or `unwritable`.
  public func write() throws(FileError) {
    guard !somethingExists(at: url.path) else { throw .exists(file: url.path) }
    try AtomicFile.write(Data(text.utf8), to: url)
  }
}
