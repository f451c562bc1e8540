import Diagnostics
import DurableFiles
public import Foundation
public import LanguageModels
public import TensorCore

/// A model whose weights lie elsewhere, and the adapters that change some of them: a PEFT folder and its base.
///
/// A frozen decoder of it computes with both apart, so that the base's weights stay where and as they are
/// (`FrozenDecoder.init(apart:)`); for whoever asks for weights, the adapters are merged in, in float32.
public struct AdaptedModel: StoredModel {
  /// The folder of the adapters.
  public let url: URL
  /// The whole model that they belong to.
  public let base: any StoredModel
  /// The adapters.
  public let adapters: AdapterFolder
  public let weights: any WeightSource

  /// Opens the folder at `url`, whose base is where `base_model_name_or_path` says: seen from the current folder, or
  /// else from the folder itself. Throws `value` where there is no such model, or its weights are not those that the
  /// adapters were trained for; whatever is wrong with the files of either.
  public init(contentsOf url: URL) throws(ModelFileError) {
    let file = url.appendingPathComponent(AdapterFolder.configurationName)
    let settings = try AdapterFile(contentsOf: file)
    guard let place = Self.place(of: settings.basePath, seenFrom: url) else {
      throw .value(
        InvalidValue(
          file.path, "base_model_name_or_path", expected: "the path of a model folder or .gguf file",
          found: settings.basePath.map { "\"\($0)\"" } ?? "nothing",
          advice: "write there where the base lies, or merge the adapters: limbeck merge --adapter \(url.path) "
            + "--model BASE --output NEW"))
    }
    try self.init(settings, in: url, base: openWholeModel(at: place))
    if let expected = adapters.base.digest, base.digest != expected {
      throw .value(
        InvalidValue(
          place.path, "weights", expected: "digest \(expected), which the adapters \(url.path) were trained for",
          found: base.digest,
          advice: "give the model of that digest, or merge the adapters into this one: limbeck merge --adapter "
            + "\(url.path) --model \(place.path) --output NEW"))
    }
  }

  /// The adapters at `url` on a base of the user's choice, which must have the shapes that they are for. Throws
  /// whatever is wrong with their files.
  public init(contentsOf url: URL, base: any StoredModel) throws(ModelFileError) {
    try self.init(
      AdapterFile(contentsOf: url.appendingPathComponent(AdapterFolder.configurationName)), in: url, base: base)
  }

  private init(_ settings: AdapterFile, in url: URL, base: any StoredModel) throws(ModelFileError) {
    self.url = url
    self.base = base
    adapters = try AdapterFolder(settings, in: url, of: base.configuration)
    weights = AdaptedWeights(base: base.weights, adapters: SafetensorsWeights(adapters.file))
  }

  private static func place(of path: String?, seenFrom folder: URL) -> URL? {
    guard let path, !path.isEmpty else { return nil }
    let places = [URL(fileURLWithPath: path), URL(fileURLWithPath: path, relativeTo: folder)]
    return places.first { somethingExists(at: $0.path) }?.standardizedFileURL
  }

  public var configuration: DecoderConfiguration { base.configuration }
  public var configurationFile: URL { base.configurationFile }
  public var warnings: [String] { base.warnings }
  /// The base's: adapters change no token.
  public var tokenizerURL: URL { base.tokenizerURL }
  public var fileExtension: String? { nil }

  /// The weight with its adapter merged in, if it has one. Throws as the requirement says.
  public func weight(
    _ role: WeightRole, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> WeightMatrix {
    let weight = try base.weight(role, expecting: shape, on: device)
    guard let merged = try merged(weight.dense(on: device), role) else { return weight }
    return .dense(merged.constant)
  }

  public func read(_ role: WeightRole, into destination: inout MutableSpan<Float>) throws(ModelFileError) {
    try base.read(role, into: &destination)
    let weight = Tensor.zeros(configuration.shape(of: role), on: .shared)
    weight.withMutableSpan { values in for index in values.indices { values[index] = destination[index] } }
    guard let merged = try merged(weight, role) else { return }
    merged.withSpan { values in for index in values.indices { destination[index] = values[index] } }
  }

  private func merged(_ weight: @autoclosure () -> Tensor, _ role: WeightRole) throws(ModelFileError) -> Tensor? {
    guard case .layer(let layer, .matrix(let matrix)) = role,
      let module = adapters.configuration.modules.first(where: { $0.layer == layer && $0.matrices.contains(matrix) })
    else { return nil }
    let weight = weight()
    let rank = adapters.configuration.rank
    return weight.merging(
      down: try adapters.tensor(.down(module), shape: [rank, weight.columns], on: weight.device),
      up: try adapters.tensor(.up(layer: layer, matrix), shape: [weight.rows, rank], on: weight.device),
      scale: adapters.configuration.scale)
  }

  public func requireExactly(_ declared: [DeclaredWeight]) throws(ModelFileError) { try base.requireExactly(declared) }

  /// Throws `value`: a vocabulary is cut of a whole model.
  public func write(
    into folder: URL, as name: String, keeping rows: VocabularyRows, with tokenizer: TokenizerParts,
    progress: (Int, Int) -> Void
  ) throws(ModelFileError) -> URL {
    throw .value(
      InvalidValue(
        url.path, "model", expected: "a model with all of its weights", found: "adapters",
        advice: "merge them first: limbeck merge --adapter \(url.path) --output NEW"))
  }
}

/// The tensors of a base and of adapters, whose names differ.
private struct AdaptedWeights: WeightSource {
  let base: any WeightSource
  let adapters: SafetensorsWeights
  private let ofAdapters: Set<String>

  init(base: any WeightSource, adapters: SafetensorsWeights) {
    self.base = base
    self.adapters = adapters
    ofAdapters = Set(adapters.names)
  }

  private func source(of name: String) -> any WeightSource { ofAdapters.contains(name) ? adapters : base }

  var path: String { base.path }
  var files: [MappedFile] { base.files + adapters.files }
  var names: [String] { (base.names + adapters.names).sorted() }

  func tensor(named name: String) throws(ModelFileError) -> SourceTensor { try source(of: name).tensor(named: name) }

  func read(
    _ name: String, rows: [Range<Int>]?, into destination: inout MutableSpan<Float>
  ) throws(ModelFileError) { try source(of: name).read(name, rows: rows, into: &destination) }

  func weights(
    _ name: String, rows: [Range<Int>]?, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> WeightMatrix {
    try source(of: name).weights(name, rows: rows, expecting: shape, on: device)
  }

  func areIdentical(_ first: String, _ second: String) throws(ModelFileError) -> Bool {
    try base.areIdentical(first, second)
  }
}
