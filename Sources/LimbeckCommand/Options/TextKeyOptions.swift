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
  var keys: JSONLinesKeys {
    let usual = JSONLinesKeys()
    return JSONLinesKeys(
      text: textField ?? usual.text, prompt: promptField ?? usual.prompt,
      completion: completionField ?? usual.completion)
  }

  /// The keys, from the flags or the recipe.
  func keys(_ recipe: inout RecipeFile) throws(RecipeError) -> JSONLinesKeys {
    let usual = JSONLinesKeys()
    return JSONLinesKeys(
      text: try recipe.value("text-field", textField) ?? usual.text,
      prompt: try recipe.value("prompt-field", promptField) ?? usual.prompt,
      completion: try recipe.value("completion-field", completionField) ?? usual.completion)
  }
}
