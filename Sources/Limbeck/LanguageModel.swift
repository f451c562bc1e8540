/// A language model as one value: a decoder, the tokenizer whose ids it reads, and a digest that says what it was made
/// from.
///
/// ```swift
/// let teacher = try LanguageModel(contentsOf: folder)
/// let story = try Generator(teacher).text(after: "Once upon a time", .topP(0.9, temperature: 0.8), seed: 3)
/// ```
public struct LanguageModel {
  /// What predicts the next token.
  public let decoder: any DecoderModel
  /// What makes the ids that the decoder reads.
  public let tokenizer: any Tokenizer
  private let origin: Origin

  /// What a model was made from.
  enum Origin {
    case stored(any StoredModel, rounded: GGUFWeightType?)
    case configuration(digest: String)
  }

  /// The model of a Hugging Face folder or a GGUF file with its tokenizer; of a run that is not finished, that of its
  /// newest checkpoint.
  ///
  /// A frozen one records nothing, and uses weights where they are mapped, quantised ones, too; a trainable one copies
  /// them as float32.
  /// - Parameters:
  ///   - url: a folder with `config.json`, weights and a tokenizer, or one of a run; or a `.gguf` file.
  ///   - trainable: whether the weights get gradients; false by default.
  ///   - rounding: what the matrices of a frozen model are rounded to while they are read, as `writeGGUF` would write
  ///     them; nil, the default, leaves weights as they are.
  ///   - precision: what the factors of products are rounded to; float32 by default, which rounds nothing.
  ///   - device: where it computes; nil, the default, for all cores with the best backend.
  /// - Throws: `model` for what is wrong with `config.json` or the weights, or where the tokenizer has more tokens than
  ///   the model has outputs; `tokenization` for what is wrong with the tokenizer; `training` for a run without a
  ///   checkpoint; `backend`.
  public init(
    contentsOf url: URL, trainable: Bool = false, rounding: GGUFWeightType? = nil,
    precision: ProductPrecision = .float32, device: Device? = nil
  ) throws(LimbeckError) {
    let location = try ModelLocation(url)
    let opened = try LimbeckError.wrapping(LimbeckError.model) { () throws(ModelFileError) in
      try openModel(at: location.url)
    }
    try self.init(opened, trainable: trainable, rounding: rounding, precision: precision, device: device)
  }

  /// An opened model. Throws as `init(contentsOf:trainable:rounding:precision:device:)`; `tokenizer` is the model's own
  /// by default.
  public init(
    _ model: any StoredModel, tokenizer: (any Tokenizer)? = nil, trainable: Bool = false,
    rounding: GGUFWeightType? = nil, precision: ProductPrecision = .float32, device: Device? = nil
  ) throws(LimbeckError) {
    precondition(rounding == nil || !trainable, "weights that are trained are float32")
    let device = try Self.device(device)
    let tokenizer = try LimbeckError.wrapping(LimbeckError.tokenization) { () throws(TokenizationError) in
      if let tokenizer { return tokenizer }
      return try loadTokenizer(from: model.tokenizerURL)
    }
    decoder = try LimbeckError.wrapping(LimbeckError.model) { () throws(ModelFileError) in
      try model.configuration.requireVocabulary(for: tokenizer.vocabularySize, file: model.configurationFile.path)
      if let rounding { return try FrozenDecoder(model, rounding: rounding, precision: precision, device: device) }
      return trainable
        ? try TransformerDecoder(model, precision: precision, device: device)
        : try FrozenDecoder(apart: model, precision: precision, device: device)
    }
    self.tokenizer = tokenizer
    origin = .stored(model, rounded: rounding)
  }

  init(decoder: any DecoderModel, tokenizer: any Tokenizer, origin: Origin) {
    (self.decoder, self.tokenizer, self.origin) = (decoder, tokenizer, origin)
  }

  static func device(_ device: Device?) throws(LimbeckError) -> Device {
    try LimbeckError.wrapping(LimbeckError.backend) { () throws(MatrixBackendError) in
      if let device { return device }
      return try Device.standard()
    }
  }

  /// A fresh, trainable model with random weights.
  /// - Parameters:
  ///   - configuration: sizes and constants.
  ///   - tokenizer: what makes its ids.
  ///   - seed: the same seed gives the same weights.
  ///   - precision: what the factors of products are rounded to; the weights stay float32.
  ///   - device: where it computes; nil, the default, for all cores with the best backend.
  /// - Throws: `value` where the sizes cannot be; `model` where the tokenizer has more tokens than the model has
  ///   outputs, and where the family's config.json cannot say what the configuration is; `backend`.
  public init(
    configuration: DecoderConfiguration, tokenizer: any Tokenizer, seed: UInt64,
    precision: ProductPrecision = .float32, device: Device? = nil
  ) throws(LimbeckError) {
    let device = try Self.device(device)
    try LimbeckError.wrapping(LimbeckError.value) { () throws(InvalidValue) in
      try configuration.check(place: "configuration")
    }
    let json = try LimbeckError.wrapping(LimbeckError.model) { () throws(ModelFileError) in
      try configuration.requireVocabulary(for: tokenizer.vocabularySize, file: "configuration")
      return try configuration.huggingFaceJSON(weightType: .float32)
    }
    decoder = TransformerDecoder(configuration: configuration, seed: seed, precision: precision, device: device)
    self.tokenizer = tokenizer
    origin = .configuration(digest: Digest.sha256(of: json))
  }

  /// The decoder of a model that was opened or made to be trained. Throws where it is frozen.
  public var trainableDecoder: TransformerDecoder {
    get throws(InvalidValue) {
      guard let decoder = decoder as? TransformerDecoder else {
        throw InvalidValue(
          "the model to be trained", "weights", expected: "trainable ones", found: "frozen ones",
          advice: "open it with trainable: true")
      }
      return decoder
    }
  }

  /// Sizes and constants.
  public var configuration: DecoderConfiguration { decoder.configuration }

  /// Says what the model was made from, in 64 hexadecimal digits: the files of its weights and what they are rounded
  /// to, or the configuration of a fresh one (without its seed). Reads those files.
  public var digest: String {
    switch origin {
    case .stored(let model, nil): model.digest
    case .stored(let model, let type?): Digest.sha256(of: Data("\(model.digest) \(type.rawValue)".utf8))
    case .configuration(let digest): digest
    }
  }

  /// Checks that no weight of a model that was opened is NaN or infinite, as its files have it; a fresh one has none
  /// such. Reads those files. Throws `model`, which names the tensor.
  public func requireFiniteWeights() throws(LimbeckError) {
    guard case .stored(let model, _) = origin else { return }
    try LimbeckError.wrapping(LimbeckError.model) { () throws(ModelFileError) in try model.requireFiniteWeights() }
  }

  /// The size in bytes of the files that hold the weights, or of the weights of a fresh model, or of one whose weights
  /// are rounded.
  public var weightBytes: Int {
    if case .stored(let model, nil) = origin { return model.weightBytes }
    return decoder.weights.reduce(0) { $0 + $1.parameter.matrix.byteCount }
  }

  /// Writes a folder that Hugging Face transformers loads, the tokenizer in it; adapters are merged into the weights.
  /// The folder is made if it is missing; each file appears whole or not at all.
  /// - Parameters:
  ///   - folder: where the files go.
  ///   - type: how the weights are stored; float32 by default.
  /// - Throws: what the disk refuses.
  public func write(to folder: URL, as type: WeightType = .float32) throws(ModelFileError) {
    try decoder.write(to: folder, with: tokenizer.files, as: type)
  }
}
