import ArgumentParser
import Diagnostics
import LanguageModels
import Limbeck
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

/// Training of low-rank adapters in place of the weights.
struct AdapterOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Train low-rank adapters of this rank, and leave the weights as they are, quantised ones too (try 8 to 32).",
      valueName: "n"))
  var loraRank: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Adapters are multiplied by this, divided by their rank (default: 32 for every rank, by which one "
        + "--learning-rate suits all of them).",
      valueName: "x"))
  var loraAlpha: Double?
  @Option(
    help: ArgumentHelp(
      "Matrices that get adapters (default: all, which learn more than query,value at the same number of weights).",
      valueName: "name,..."))
  var loraTargets: AdapterTargets?
}

/// Matrices on the command line: `query,value`.
struct AdapterTargets: ExpressibleByArgument {
  let matrices: Set<LayerMatrix>

  init?(argument: String) {
    let names = argument.split(separator: ",", omittingEmptySubsequences: false)
    let known = names.compactMap { LayerMatrix(rawValue: String($0)) }
    guard known.count == names.count else { return nil }
    matrices = Set(known)
  }

  static var allValueStrings: [String] {
    ["names with commas between, out of \(LayerMatrix.allCases.map(\.rawValue).joined(separator: ","))"]
  }

  var defaultValueDescription: String {
    LayerMatrix.allCases.filter(matrices.contains).map(\.rawValue).joined(separator: ",")
  }
}

/// `AdapterOptions`, settled; nil where the weights are trained.
struct AdapterSettings {
  private let rank: Int
  private let alpha: Double
  private let targets: Set<LayerMatrix>

  init?(_ options: AdapterOptions, _ recipe: inout RecipeFile) throws(RecipeError) {
    let rank = try recipe.value("lora-rank", options.loraRank)
    let alpha = try recipe.value("lora-alpha", options.loraAlpha)
    let targets = try recipe.value("lora-targets", options.loraTargets)
    guard let rank else {
      let others = [("lora-alpha", alpha.map { "\($0)" }), ("lora-targets", targets?.defaultValueDescription)]
      for case (let key, let found?) in others {
        throw recipe.invalid(key, expected: "--lora-rank beside it", found: found)
      }
      return nil
    }
    guard rank > 0 else { throw recipe.invalid("lora-rank", expected: "at least 1", found: "\(rank)") }
    if let alpha, !(alpha > 0 && Float(alpha).isFinite) {
      throw recipe.invalid("lora-alpha", expected: "a number above 0", found: "\(alpha)")
    }
    (self.rank, self.alpha) = (rank, alpha ?? AdapterConfiguration.standardAlpha)
    self.targets = targets?.matrices ?? Set(LayerMatrix.allCases)
  }

  /// As `model(_:tokenizer:seed:precision:on:)`, on a device that counts.
  func counted(
    _ model: any StoredModel, precision: ProductPrecision, on device: Device
  ) throws -> TransformerDecoder {
    let configuration = try spelt { () throws(LimbeckError) in
      do throws(ModelFileError) {
        return try AdapterConfiguration(rank: rank, alpha: alpha, targets: targets, of: model.configuration)
      } catch { throw .model(error) }
    }
    return try TransformerDecoder(counting: configuration, of: model, precision: precision, device: device)
  }

  /// An opened model with adapters to be trained. Throws what they cannot be.
  func model(
    _ model: any StoredModel, tokenizer: any Tokenizer, seed: UInt64, precision: ProductPrecision, on device: Device
  ) throws -> LanguageModel {
    try spelt { () throws(LimbeckError) in
      try LanguageModel(
        adapting: model, tokenizer: tokenizer, rank: rank, alpha: alpha, targets: targets, seed: seed,
        precision: precision, device: device)
    }
  }

  /// What `body` returns; its errors about rank, alpha and targets name the flags.
  private func spelt<Result>(_ body: () throws(LimbeckError) -> Result) throws -> Result {
    do throws(LimbeckError) { return try body() } catch {
      guard case .model(.value(let value)) = error, value.place.isEmpty, value.key.hasPrefix("lora-") else {
        throw error
      }
      throw RecipeError.flag(
        InvalidValue("--\(value.key)", expected: value.expected, found: value.found, advice: value.advice))
    }
  }
}

extension LanguageModel {
  /// What is trained of it, for the header of a run; nil where it is all.
  var adapterLine: String? {
    decoder.adapters.map {
      "adapters: \(Format.count($0.parameters.count, "parameter")), \($0.configuration); the weights stay as they are"
    }
  }

  /// What a run must share with one that it goes on with, by the names of `RunManifest.inputs`.
  var adapterInputs: [String: String] { decoder.adapters.map { ["adapters": $0.configuration.description] } ?? [:] }
}
