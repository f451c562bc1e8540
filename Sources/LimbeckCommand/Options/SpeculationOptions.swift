public import ArgumentParser
import Limbeck
import TensorCore
public import TextGeneration
import Tokenization

/// The draft of speculative decoding.
struct SpeculationOptions: ParsableArguments {
  /// See `OptionGroups`.
  static let needs = ["draft-tokens": ["draft"]]

  @Option(
    help: ArgumentHelp(
      "Folder or .gguf file of a smaller model with the same tokenizer, such as a student.", valueName: "model"))
  var draft: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens to draft at a time (default: adaptive, by acceptance so far).", valueName: "n|adaptive"))
  var draftTokens: DraftLength?

  /// What continues texts with a model, from `path`, and the draft if there is one, rounded as the model is;
  /// `tokenizer` is the path of one for models without. Throws where the draft has another tokenizer or another number
  /// of outputs.
  func generator(
    _ model: LanguageModel, from path: String, _ rounding: GenerationPrecisionOptions, tokenizer: String?,
    on device: Device
  ) throws -> Generator {
    guard let draft else {
      return try Generator(model.decoder, model.tokenizer, cachePrecision: rounding.cachePrecision)
    }
    let small = try LanguageModel(
      path: draft, tokenizer: tokenizer, rounding: rounding.weights.weights, precision: rounding.precision, on: device)
    try small.requireVocabulary(of: model, from: path, path: draft)
    return try Generator(
      model.decoder, model.tokenizer, draft: small.decoder, draftLength: draftTokens ?? .adaptive,
      cachePrecision: rounding.cachePrecision)
  }
}

extension DraftLength: ExpressibleByArgument {
  /// What it may look like.
  public static var allValueStrings: [String] { ["a whole number from 1", "adaptive"] }

  /// From `adaptive`, or a whole number from 1.
  public init?(argument: String) {
    if argument == "adaptive" {
      self = .adaptive
    } else if let count = Int(argument), count >= 1 {
      self = .fixed(count)
    } else {
      return nil
    }
  }
}
