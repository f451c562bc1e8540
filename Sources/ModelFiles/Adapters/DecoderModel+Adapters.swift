import Diagnostics
public import DurableFiles
public import Foundation
public import LanguageModels
public import TensorCore

extension FrozenDecoder {
  /// The decoder of an opened model, whose adapters, if it has some, are kept apart from weights that stay where and as
  /// they are. Throws as `init(_:precision:device:)`.
  public convenience init(
    apart model: any StoredModel, precision: ProductPrecision = .float32, device: Device = .shared
  ) throws(ModelFileError) {
    if let adapted = model as? AdaptedModel {
      try adapted.requireExactly(adapted.configuration.weights)
      try self.init(
        configuration: adapted.configuration,
        adapters: adapted.adapters.adapters(of: adapted.configuration, trainable: false, on: device),
        precision: precision, device: device
      ) { (role, shape) throws(ModelFileError) in try adapted.base.weight(role, expecting: shape, on: device) }
    } else {
      try self.init(model, precision: precision, device: device)
    }
  }
}

extension TransformerDecoder {
  /// The decoder of an opened model, whose weights stay where and as they are and whose adapters are trained: fresh
  /// ones, which change nothing yet, or those that the model has.
  /// - Parameters:
  ///   - model: the model.
  ///   - rank: R of the adapters.
  ///   - alpha: what they are scaled by, times R.
  ///   - targets: the matrices of each layer that get adapters.
  ///   - seed: determines fresh adapters.
  ///   - precision: what the factors of products are rounded to.
  ///   - device: where it computes.
  /// - Throws: `value` for what the adapters cannot be, or where the model has others already; whatever is wrong with
  ///   its files.
  public convenience init(
    adapting model: any StoredModel, rank: Int, alpha: Double = AdapterConfiguration.standardAlpha,
    targets: Set<LayerMatrix> = Set(LayerMatrix.allCases), seed: UInt64, precision: ProductPrecision = .float32,
    device: Device = .shared
  ) throws(ModelFileError) {
    let decoder = model.configuration
    let asked = try AdapterConfiguration(rank: rank, alpha: alpha, targets: targets, of: decoder)
    let adapted = model as? AdaptedModel
    let base = adapted?.base ?? model
    try base.requireExactly(decoder.weights)
    let origin = AdapterBase(path: base.url.standardizedFileURL.path, digest: base.digest)
    let adapters: DecoderAdapters
    if let adapted {
      let found = adapted.adapters.configuration
      guard found == asked else {
        throw .value(
          InvalidValue(
            adapted.url.path, "adapters", expected: "\(asked)", found: "\(found)",
            advice: "train them as they are, or merge them first: limbeck merge --adapter \(adapted.url.path) "
              + "--output NEW"))
      }
      adapters = try adapted.adapters.adapters(of: decoder, base: origin, trainable: true, on: device)
    } else {
      adapters = DecoderAdapters(asked, base: origin, of: decoder, seed: seed, on: device)
    }
    try self.init(configuration: decoder, adapters: adapters, precision: precision, device: device) {
      (role, shape) throws(ModelFileError) in try base.weight(role, expecting: shape, on: device)
    }
  }

  /// A decoder like that of `init(adapting:rank:alpha:targets:seed:precision:device:)`, on a device that is
  /// `Device.counting()`. Throws whatever is wrong with the model's files.
  public convenience init(
    counting adapters: AdapterConfiguration, of model: any StoredModel, precision: ProductPrecision, device: Device
  ) throws(ModelFileError) {
    let base = (model as? AdaptedModel)?.base ?? model
    let adapters = DecoderAdapters(
      adapters, base: AdapterBase(path: base.url.path, digest: nil), of: model.configuration, seed: 0, on: device)
    try self.init(configuration: model.configuration, adapters: adapters, precision: precision, device: device) {
      (role, shape) throws(ModelFileError) in
      try base.weight(role, expecting: shape, on: device).counted(on: device)
    }
  }

  /// Writes what is trained: a model folder, or one of adapters. See `write(to:with:as:)` and
  /// `writeAdapters(to:with:as:)`.
  public func writeTrained(
    to folder: URL, with files: [NamedFile] = [], as type: WeightType = .float32
  ) throws(ModelFileError) {
    if adapters == nil {
      try write(to: folder, with: files, as: type)
    } else {
      try writeAdapters(to: folder, with: files, as: type)
    }
  }
}
