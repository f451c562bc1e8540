import ArgumentParser
import Tokenization

/// What the keys of rows are called.
struct TextKeyOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The key of a text in rows of JSON (default: text).", valueName: "key"))
  var textField: String?
  @Option(help: ArgumentHelp("The key of a prompt in rows of JSON (default: prompt).", valueName: "key"))
  var promptField: String?
  @Option(
    help: ArgumentHelp("The key of a prompt's completion in rows of JSON (default: completion).", valueName: "key"))
  var completionField: String?

  /// The keys, for commands without a recipe.
  var keys: JSONLinesKeys { JSONLinesKeys(text: textField, prompt: promptField, completion: completionField) }

  /// The keys; nil where no flag names one.
  var given: JSONLinesKeys? {
    [textField, promptField, completionField].allSatisfy { $0 == nil } ? nil : keys
  }

  /// The keys, from the flags or the recipe.
  func keys(_ recipe: inout RecipeFile) throws(RecipeError) -> JSONLinesKeys {
    JSONLinesKeys(
      text: try recipe.value("text-field", textField), prompt: try recipe.value("prompt-field", promptField),
      completion: try recipe.value("completion-field", completionField))
  }
}

extension JSONLinesKeys {
  /// The keys that a user names, and the usual ones. Where only the text's key is named, or only those of prompt and
  /// completion, this is what is meant in rows that have both.
  init(text: String?, prompt: String?, completion: String?) {
    let usual = JSONLinesKeys()
    let namesCompletion = prompt != nil || completion != nil
    self.init(
      text: text ?? usual.text, prompt: prompt ?? usual.prompt, completion: completion ?? usual.completion,
      preferred: (text != nil) == namesCompletion ? nil : namesCompletion ? .completion : .text)
  }
}
