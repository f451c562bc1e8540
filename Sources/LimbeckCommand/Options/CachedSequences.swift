import Distillation
import Foundation
import ModelTraining
import Tokenization

/// The sequences that a teacher cache was made of. The cache holds their text, or remembers how a text was cut.
struct CachedSequences {
  /// Where the cache is, as the user named it.
  let path: String
  /// How the text is cut.
  let packing: SequencePacking
  /// T
  let length: Int
  /// Whether the cache holds the text.
  let holdsText: Bool
  /// The cache.
  let cache: TeacherCacheFolder

  /// The sequences of the cache at a path, of which the description alone is read.
  init(path: String) throws(TeacherCacheError) {
    self.path = path
    cache = try TeacherCacheFolder(contentsOf: URL(fileURLWithPath: path, isDirectory: true))
    packing = cache.description.packing
    length = cache.description.sequenceLength
    holdsText = cache.description.text != nil
  }

  /// Refuses a packing that was asked for and is not that of the cache.
  func requirePacking(_ settings: PackingSettings, _ recipe: RecipeFile) throws(RecipeError) {
    if let cuts = settings.cuts, cuts != packing.cuts {
      throw recipe.invalid(
        "packing", expected: "\(packing.cuts), as in the teacher cache", found: cuts.rawValue)
    }
    if !settings.beginsWithBOS, holdsText {
      throw recipe.invalid(
        "no-sequence-bos", expected: "nothing, for the teacher cache holds its text", found: "given")
    }
    if !settings.beginsWithBOS, packing.beginningID != nil {
      throw recipe.invalid(
        "no-sequence-bos", expected: "BOS in front of each sequence, as in the teacher cache", found: "none")
    }
  }

  /// Checks that there is a text to learn from, and only one.
  func requireText(_ settings: TrainingSettings, _ recipe: RecipeFile) throws(RecipeError) {
    guard holdsText else { return try settings.requireText() }
    if let first = settings.text.first {
      throw recipe.invalid("text", expected: "none, for the teacher cache holds its text", found: first)
    }
  }

  /// Checks that a run without the teacher can have these sequences.
  func requireFit(_ settings: TrainingSettings, _ recipe: RecipeFile) throws(RecipeError) {
    try requireText(settings, recipe)
    try requirePacking(settings.packing, recipe)
    if let share = settings.validationShare {
      throw recipe.invalid("validation-share", expected: "nothing with --sequences-of", found: "\(share)")
    }
    guard settings.recipe.sequenceLength == length else {
      throw recipe.invalid(
        "sequence-length", expected: "\(length), as in the teacher cache",
        found: "\(settings.recipe.sequenceLength)")
    }
  }

  /// Checks that a text is the one that the cache was made of. Throws `value`.
  func requireSame(_ text: PackedSequences) throws(TeacherCacheError) { try cache.requireText(text) }

  /// The sequences of the text that the cache holds; nil where it is elsewhere.
  func ownText(_ tokenizer: any Tokenizer) throws -> PackedSequences? {
    try cache.ownText(tokenizer).map {
      try PackedSequences($0, sequenceLength: length, packing: packing, name: path)
    }
  }
}
