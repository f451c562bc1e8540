import ArgumentParser
import ModelTraining
import Tokenization

/// How the training text becomes sequences.
struct PackingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Where the text is cut into sequences: shifted (default), at other places in each epoch; fixed, always at the \
      same; documents, between documents, several of which share a sequence without seeing each other.
      """, valueName: "name"))
  var packing: SequencePacking.Cuts?
  @OptionGroup var beginning: SequenceBeginningOptions
}

/// What sequences begin with.
struct SequenceBeginningOptions: ParsableArguments {
  @Flag(help: "Leave out the BOS before each sequence. (Generation and evaluation always begin with BOS.)")
  var noSequenceBos = false
}

/// `PackingOptions`, settled.
struct PackingSettings {
  /// Where the text is cut; nil where nobody said.
  let cuts: SequencePacking.Cuts?
  /// Whether each sequence begins with BOS.
  let beginsWithBOS: Bool

  init(cuts: SequencePacking.Cuts?, beginsWithBOS: Bool) {
    (self.cuts, self.beginsWithBOS) = (cuts, beginsWithBOS)
  }

  /// The settings of flags and recipe; `standard` is recorded as the packing where neither says it.
  init(
    _ options: PackingOptions, _ recipe: inout RecipeFile, standard: SequencePacking.Cuts? = nil
  ) throws(RecipeError) {
    cuts =
      if let standard {
        try recipe.value("packing", options.packing, default: standard)
      } else {
        try recipe.value("packing", options.packing)
      }
    beginsWithBOS = try !(recipe.value("no-sequence-bos", options.beginning.noSequenceBos ? true : nil) ?? false)
  }

  /// The packing of a text whose ids are the tokenizer's; without a BOS there is none in front.
  func packing(for tokenizer: any Tokenizer) -> SequencePacking {
    SequencePacking(cuts ?? .shifted, for: tokenizer, beginsWithBOS: beginsWithBOS)
  }
}
