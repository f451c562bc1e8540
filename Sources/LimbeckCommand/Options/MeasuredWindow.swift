import ArgumentParser
import Foundation

/// The window that models are measured in, and why it is that one: perplexities of different windows do not compare.
struct MeasuredWindow {
  /// A model that is measured.
  struct Model {
    /// Its folder, as the user named it.
    let folder: String
    /// The tokens of its context.
    let contextLength: Int
  }

  static let help = ArgumentHelp(
    """
    Tokens per window (default: the sequence length of the model's training; if unknown, 512 or the context, whichever \
    is less; of several models, the smallest).
    """,
    valueName: "n")
  private static let usual = 512

  /// The tokens of a window.
  let tokens: Int
  /// Where they come from, for the user.
  let description: String

  /// The window that the user chose, or else the smallest of those that are each model's own.
  init(_ chosen: Int?, for models: [Model]) {
    if let chosen {
      self.init(tokens: chosen, reason: nil)
    } else {
      let own = models.map { model in
        let trained = Self.trainedLength(ofModel: model.folder)
        let (length, reason) =
          trained.map { ($0, "the sequence length of \(model.folder)") } ?? (Self.usual, nil)
        return length <= model.contextLength
          ? MeasuredWindow(tokens: length, reason: reason)
          : MeasuredWindow(tokens: model.contextLength, reason: "the context of \(model.folder)")
      }
      self = own.min { $0.tokens < $1.tokens } ?? MeasuredWindow(tokens: Self.usual, reason: nil)
    }
  }

  private init(tokens: Int, reason: String?) {
    self.tokens = tokens
    description = "windows of " + Format.count(tokens, "token") + (reason.map { ", \($0)" } ?? "")
  }

  /// The sequence length in the recipe of the run that made a model: of the folder itself, or of the run that the
  /// folder is a checkpoint of. Nil where there is no such recipe, or none that can be read.
  private static func trainedLength(ofModel folder: String) -> Int? {
    let url = URL(fileURLWithPath: folder, isDirectory: true).standardizedFileURL.resolvingSymlinksInPath()
    let run = url.deletingLastPathComponent().deletingLastPathComponent()
    let isCheckpoint = url.deletingLastPathComponent().lastPathComponent == "checkpoints"
    for recipe in [url] + (isCheckpoint ? [run] : []) {
      let file = recipe.appendingPathComponent("recipe.yaml").path
      guard FileManager.default.fileExists(atPath: file), let settings = try? RecipeFile(contentsOf: file).texts,
        let length = settings.first(where: { $0.key == "sequence-length" })?.values.first.flatMap({ Int($0) })
      else { continue }
      return length >= 1 ? length : nil
    }
    return nil
  }
}
