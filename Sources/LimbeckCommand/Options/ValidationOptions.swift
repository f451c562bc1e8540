import ArgumentParser
import Diagnostics
import Logging
import ModelTraining
import Tokenization

/// Where the validation text comes from.
struct ValidationOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Text to measure the loss on, not to learn.", valueName: "path"))
  var validationText: [String] = []
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Hold out a share of --text for validation, up to 0.5: rows, or paragraphs of plain text, drawn by --seed.",
      valueName: "share"))
  var validationShare: Double?

  /// The share, from the flag or the recipe.
  func share(_ recipe: inout RecipeFile, validationText: [String]) throws(RecipeError) -> Double? {
    guard let share = try recipe.value("validation-share", validationShare) else { return nil }
    guard share > 0, share <= 0.5 else {
      throw recipe.invalid("validation-share", expected: "a number above 0 and at most 0.5", found: "\(share)")
    }
    guard validationText.isEmpty else {
      throw recipe.invalid(
        "validation-share", expected: "nothing with --validation-text", found: "\(share)", advice: "give one of them")
    }
    return share
  }
}

/// The texts of a run.
struct TrainingTexts {
  /// What is trained on.
  let training: Corpus?
  /// What is held out, if anything is.
  let validation: Corpus?
  private let isSplit: Bool

  /// What messages call both.
  let (trainingName, validationName): (String, String)

  /// Lists the files; holds out a share of the text, where one is given.
  init(_ settings: TrainingSettings, _ console: Console) throws {
    let listing = TextListing(keys: settings.keys, counting: settings.counting)
    let corpus = try settings.text.isEmpty ? nil : listing.corpus(settings.text, console)
    trainingName = settings.text.joined(separator: ", ")
    let split = settings.validationShare.flatMap { corpus?.split(validationShare: $0, seed: settings.recipe.seed) }
    isSplit = split != nil
    training = split?.training ?? corpus
    validation =
      try split?.validation
      ?? (settings.validationText.isEmpty ? nil : listing.corpus(settings.validationText, console))
    validationName =
      isSplit ? "held out of \(trainingName)" : settings.validationText.joined(separator: ", ")
  }

  /// Warns where a part of a validation text is trained on. Throws where all of it is.
  func requireApart(_ log: Logger) throws {
    // The parts of one text have nothing in common.
    guard let training, let validation, !isSplit else { return }
    let overlap = try validation.overlap(with: training)
    let found =
      "\(Format.count(overlap.sharedDocuments)) of \(Format.count(overlap.documents, "document")) and "
      + "\(Format.count(overlap.sharedLines)) of \(Format.count(overlap.lines, "long line")) in --text as well"
    if overlap.isComplete {
      throw RecipeError.flag(
        InvalidValue(
          "--validation-text", expected: "text that is not trained on", found: found,
          advice: "give other text, or hold out a part of --text with --validation-share"))
    }
    if overlap.isNotable {
      log.warning("--validation-text has \(found): its loss says too little of other text")
    }
  }
}
