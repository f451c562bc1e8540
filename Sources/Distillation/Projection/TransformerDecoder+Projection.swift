public import LanguageModels
public import TensorCore

extension TransformerDecoder {
  /// A trainable decoder with fewer channels: what reads the residual stream reads it through the projection, and what
  /// writes to it is projected. With all channels it computes what the decoder computes, but for rounding, where s of
  /// `StreamProjection` is 1; elsewhere its norms see stretched states, and are right in the mean alone.
  /// - Parameters:
  ///   - decoder: what is narrowed; it stays as it is.
  ///   - projection: measured on this decoder.
  ///   - precision: what the factors of the student's products are rounded to.
  public convenience init(
    projecting decoder: any DecoderModel, by projection: StreamProjection, precision: ProductPrecision = .float32
  ) {
    let weights = ProjectedWeights(of: decoder, projection)
    self.init(configuration: weights.configuration, precision: precision, device: decoder.device) { role, _ in
      .dense(weights[role])
    }
  }
}

/// The weights of a decoder with fewer channels.
private struct ProjectedWeights {
  let configuration: DecoderConfiguration
  private let projection: StreamProjection
  private let gains: NormGains
  private let sources: [WeightRole: DecoderWeight]
  private let device: Device
  /// What makes up for a scale of the embeddings that depends on the number of channels.
  private let embeddingRatio: Float

  init(of decoder: any DecoderModel, _ projection: StreamProjection) {
    let (whole, channels) = (decoder.configuration, projection.axes.writing.rows)
    precondition(whole.hiddenSize == projection.axes.writing.columns, "a projection of another decoder")
    var narrow = whole
    narrow.hiddenSize = channels
    embeddingRatio =
      whole.embeddingScale.value(hiddenSize: whole.hiddenSize) / narrow.embeddingScale.value(hiddenSize: channels)
    (configuration, self.projection, device) = (narrow, projection, decoder.device)
    gains = NormGains(of: decoder)
    sources = Dictionary(uniqueKeysWithValues: decoder.weights.map { ($0.role, $0) })
  }

  subscript(role: WeightRole) -> Tensor {
    if let site = NormSite(role) { return gain(of: site) }
    guard let source = sources[role] else { preconditionFailure("the decoder has no \(role)") }
    let values = source.merged(on: device).dense(on: device).detached
    if role == .embedding { return values.linear(projection.axes.writing).scaled(by: embeddingRatio) }
    if let site = NormSite(readBy: role) { return values.linear(projection.axes.reading(through: gains[site])) }
    guard let site = NormSite(after: role) else { return values }
    let axes = projection.axes
    let writing = configuration.hasPostNorms ? axes.writing(through: gains[site]) : axes.writing
    guard values.shape.count == 1 else { return writing.times(values) }
    // a bias is a column
    return writing.times(values.reshaped([values.count, 1])).reshaped([configuration.hiddenSize])
  }

  /// The weight of a norm.
  private func gain(of site: NormSite) -> Tensor {
    guard let scale = projection.scales[site] else { preconditionFailure("\(site) was not measured") }
    // a head that is the embedding has its factor, too
    let values =
      site == .final && configuration.tiesEmbeddings
      ? [Float](repeating: projection.headGain / embeddingRatio, count: configuration.hiddenSize)
      : projection.axes.gains(gains[site])
    return Tensor(
      values.map { $0 * scale - configuration.normOffset }, shape: [configuration.hiddenSize], on: device)
  }
}
