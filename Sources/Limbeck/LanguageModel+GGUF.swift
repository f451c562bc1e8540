public import Foundation
public import ModelFiles

/// What was written of a model as a GGUF file.
public struct GGUFExport: Sendable {
  /// How the tensors are kept.
  public let types: [GGUFTypeCount]
  /// In what llama.cpp differs, which no file can say: one sentence each.
  public let warnings: [String]
}

extension LanguageModel {
  /// Writes a GGUF file, weights, sizes, tokenizer and chat template in one, which llama.cpp computes as this model. It
  /// appears whole, after it was read back: the configuration must be the same, and the ids of hard texts.
  /// - Parameters:
  ///   - file: where it appears; nothing may stand there, and its folder must exist. Its name ends in `.gguf`.
  ///   - type: how matrices are kept; float16 by default. Rows that its blocks do not fill get another one.
  ///   - progress: hears how many of how many weights are written.
  ///   - check: gets what was written before it appears.
  /// - Returns: how the tensors are kept, and in what llama.cpp differs.
  /// - Throws: `LimbeckError` where llama.cpp has no such family or tokenizer, and what the disk refuses; what `check`
  ///   throws.
  public func writeGGUF(
    to file: URL, as type: GGUFWeightType = .f16, progress: (Int, Int) -> Void = { _, _ in },
    check: (URL) throws -> Void = { _ in }
  ) throws -> GGUFExport {
    let configuration = configurationInGGUF
    let tokenizerMetadata = try LimbeckError.wrapping(LimbeckError.tokenization) { () throws(TokenizationError) in
      try tokenizer.metadataInGGUF(outputs: configuration.vocabularySize)
    }
    let types = try decoder.writeGGUF(
      to: file, saying: configuration, with: tokenizerMetadata.values, as: type, progress: progress
    ) { url in
      try LimbeckError.wrapping(LimbeckError.tokenization) { () throws(TokenizationError) in
        try tokenizerMetadata.requireSameIDs(of: loadTokenizer(from: url), as: tokenizer, file: file.path)
      }
      try check(url)
    }
    return GGUFExport(types: types, warnings: tokenizerMetadata.warnings + configuration.warningsInGGUF)
  }

  /// The configuration with the special ids of a file, which has one place for the model's and the tokenizer's: BOS is
  /// the tokenizer's, which begins texts; the tokens that end texts are the model's, the tokenizer's first.
  private var configurationInGGUF: DecoderConfiguration {
    var configuration = configuration
    configuration.bosTokenID = tokenizer.bosID.map { Int($0) } ?? configuration.bosTokenID
    configuration.padTokenID = configuration.padTokenID ?? tokenizer.padID.map { Int($0) }
    if let eos = tokenizer.eosID.map({ Int($0) }) {
      let others = configuration.eosTokenIDs
      if others.isEmpty || others.contains(eos) { configuration.eosTokenIDs = [eos] + others.filter { $0 != eos } }
    }
    return configuration
  }
}
