extension LanguageModel {
  /// An opened model whose weights stay where and as they are, quantised ones too, and whose low-rank adapters are
  /// trained (LoRA, Hu et al. 2021): fresh ones, which change nothing yet, or those of a folder of adapters.
  ///
  /// ```swift
  /// let model = try LanguageModel(adapting: openModel(at: gemma), rank: 8)
  /// try Trainer(model: model.trainableDecoder, objective: CrossEntropyObjective(), data: text, recipe: recipe).run()
  /// try model.writeAdapters(to: folder)
  /// ```
  /// - Parameters:
  ///   - model: the model.
  ///   - tokenizer: the model's own by default.
  ///   - rank: R: adapters are W + alpha / R · B · A, with B [O, R] and A [R, I].
  ///   - alpha: 32 by default, see `AdapterConfiguration.standardAlpha`.
  ///   - targets: the matrices of each layer that get adapters; by default all.
  ///   - seed: determines fresh adapters; 0 by default.
  ///   - precision: what the factors of products are rounded to; float32 by default.
  ///   - device: where it computes; nil, the default, for all cores with the best backend.
  /// - Throws: `model` for what the adapters cannot be, or where the model has others already, and for what is wrong
  ///   with its files; `tokenization`; `backend`.
  public init(
    adapting model: any StoredModel, tokenizer: (any Tokenizer)? = nil, rank: Int,
    alpha: Double = AdapterConfiguration.standardAlpha,
    targets: Set<LayerMatrix> = Set(LayerMatrix.allCases), seed: UInt64 = 0, precision: ProductPrecision = .float32,
    device: Device? = nil
  ) throws(LimbeckError) {
    let device = try Self.device(device)
    let tokenizer = try LimbeckError.wrapping(LimbeckError.tokenization) { () throws(TokenizationError) in
      if let tokenizer { return tokenizer }
      return try loadTokenizer(from: model.tokenizerURL)
    }
    let decoder = try LimbeckError.wrapping(LimbeckError.model) { () throws(ModelFileError) in
      try model.configuration.requireVocabulary(for: tokenizer.vocabularySize, file: model.configurationFile.path)
      return try TransformerDecoder(
        adapting: model, rank: rank, alpha: alpha, targets: targets, seed: seed, precision: precision, device: device)
    }
    self.init(decoder: decoder, tokenizer: tokenizer, origin: .stored(model, rounded: nil))
  }

  /// Writes the adapters, which the model must have, as a folder that PEFT loads, the tokenizer in it.
  /// - Parameters:
  ///   - folder: where the files go; it is made if it is missing.
  ///   - type: how the factors are stored; float32 by default.
  /// - Throws: what the disk refuses.
  public func writeAdapters(to folder: URL, as type: WeightType = .float32) throws(ModelFileError) {
    try decoder.writeAdapters(to: folder, with: tokenizer.files, as: type)
  }
}
