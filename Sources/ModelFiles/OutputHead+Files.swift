public import LanguageModels
public import TensorCore

extension OutputHead {
  /// The head of a model on disk, alone, where it is mapped, in the type of the file.
  /// - Parameters:
  ///   - model: the opened model.
  ///   - precision: what the factors of products are rounded to.
  ///   - device: where it computes.
  /// - Throws: `missingTensor`, `wrongShape` or `notWeights`.
  public init(
    _ model: any StoredModel, precision: ProductPrecision = .float32, device: Device = .shared
  ) throws(ModelFileError) {
    let configuration = model.configuration
    let weight = try model.weight(
      configuration.tiesEmbeddings ? .embedding : .head,
      expecting: [configuration.vocabularySize, configuration.hiddenSize], on: device)
    self.init(weight, of: configuration, precision: precision)
  }
}
