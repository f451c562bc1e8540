public import DurableFiles
public import Foundation
public import LanguageModels
public import TensorCore

extension TransformerDecoder {
  /// The decoder of a Hugging Face folder.
  ///
  /// A frozen one uses weights where they are mapped, in the type of the file, without a copy; a trainable one copies them
  /// into its arena.
  /// - Parameters:
  ///   - folder: a folder with `config.json` and `model.safetensors`, or its shards and their index.
  ///   - trainable: whether the weights get gradients.
  ///   - precision: what the factors of products are rounded to.
  ///   - device: where it computes.
  /// - Throws: whatever is wrong with `config.json` or the weights: a missing, unexpected or mis-shaped tensor by name.
  public convenience init(
    contentsOf folder: URL, trainable: Bool = false, precision: ProductPrecision = .float32, device: Device = .shared
  ) throws(ModelFileError) {
    try self.init(
      ModelFolder(contentsOf: folder), trainable: trainable, precision: precision, device: device)
  }

  /// The decoder of an opened checkpoint. Throws as `init(contentsOf:trainable:precision:device:)` does.
  public convenience init(
    _ checkpoint: ModelFolder, trainable: Bool = false, precision: ProductPrecision = .float32,
    device: Device = .shared
  ) throws(ModelFileError) {
    self.init(declaring: checkpoint.configuration, precision: precision, on: device)
    let shapes = parameters.parameters.map { ($0.name, $0.shape) }
    try checkpoint.requireExactly(Dictionary(uniqueKeysWithValues: shapes))
    func stored(_ parameter: Parameter) throws(ModelFileError) -> WeightMatrix {
      try checkpoint.weights.weight(parameter.name, expecting: parameter.shape, on: device)
    }
    if trainable {
      try parameters.load(stored)
    } else {
      try parameters.loadFrozen(stored)
    }
  }

  /// Writes the weights as safetensors, in creation order; the file appears whole or not at all. Throws what the disk
  /// refuses.
  public func writeWeights(to file: URL, as type: WeightType = .float32) throws(ModelFileError) {
    try write(parameters.parameters[...], to: file, as: type)
  }

  private func write(_ part: ArraySlice<Parameter>, to file: URL, as type: WeightType) throws(ModelFileError) {
    let writer = try SafetensorsWriter(replacing: file, tensors: part.map { ($0.name, $0.shape) }, type: type)
    for parameter in part {
      try parameter.matrix.dense(on: device).withSpan { (values) throws(ModelFileError) in
        try writer.append(values, to: parameter.name)
      }
    }
    try writer.commit()
  }

  /// Writes a folder that Hugging Face transformers loads: `config.json`, `model.safetensors`,
  /// `generation_config.json` and other files that are given. The folder is made if it is missing; each file appears
  /// whole or not at all, the weights last.
  /// - Parameters:
  ///   - folder: where the files go.
  ///   - files: what else belongs to the model, such as its tokenizer's files.
  ///   - type: how the weights are stored.
  ///   - maximumShardBytes: if the weights have more bytes, they go into files of at most so many,
  ///     `model-00001-of-00002.safetensors` and so on, and `model.safetensors.index.json`; nil for one file of any size.
  /// - Throws: what the disk refuses.
  public func write(
    to folder: URL, with files: [NamedFile] = [], as type: WeightType = .float32, maximumShardBytes: Int? = nil
  ) throws(ModelFileError) {
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw .file(.unwritable(file: folder.path, reason: error.localizedDescription))
    }
    func put(_ data: Data, _ name: String) throws(ModelFileError) {
      try ModelFileError.wrapping { () throws(FileError) in
        try AtomicFile.write(data, to: folder.appendingPathComponent(name))
      }
    }
    try put(configuration.huggingFaceJSON(weightType: type), "config.json")
    let generation = HuggingFaceGenerationConfiguration(
      bosTokenID: configuration.bosTokenID, eosTokenIDs: configuration.eosTokenIDs,
      padTokenID: configuration.padTokenID)
    try put(generation.huggingFaceJSON(), "generation_config.json")
    for file in files { try put(file.contents, file.name) }
    let single = folder.appendingPathComponent("model.safetensors")
    let shards = maximumShardBytes.map { maximum in
      WeightShards(of: parameters.parameters.map { ($0.name, $0.shape) }, type: type, maximumBytes: maximum)
    }
    guard let shards, shards.files.count > 1 else { return try writeWeights(to: single, as: type) }
    for file in shards.files {
      try write(parameters.parameters[file.tensors], to: folder.appendingPathComponent(file.name), as: type)
    }
    try shards.writeIndex(to: folder)
    // readers would prefer a single file that stood there before
    guard FileManager.default.fileExists(atPath: single.path) else { return }
    do { try FileManager.default.removeItem(at: single) } catch {
      throw .file(.unwritable(file: single.path, reason: error.localizedDescription))
    }
  }
}
