public import DurableFiles
public import Foundation
public import LanguageModels
public import TensorCore

extension DecoderModel {
  /// The decoder of a model on disk: a `TransformerDecoder`, to be trained, copies the weights as float32; a
  /// `FrozenDecoder` uses them where they are mapped, in the type of the file.
  /// - Parameters:
  ///   - url: a Hugging Face folder, or a GGUF file.
  ///   - precision: what the factors of products are rounded to.
  ///   - device: where it computes.
  /// - Throws: whatever is wrong with the configuration or the weights: a missing, unexpected or mis-shaped tensor by
  ///   name.
  public init(
    contentsOf url: URL, precision: ProductPrecision = .float32, device: Device = .shared
  ) throws(ModelFileError) {
    try self.init(openModel(at: url), precision: precision, device: device)
  }

  /// The decoder of an opened model. Throws as `init(contentsOf:precision:device:)` does.
  public init(
    _ model: any StoredModel, precision: ProductPrecision = .float32, device: Device = .shared
  ) throws(ModelFileError) {
    try model.requireExactly(model.configuration.weights)
    try self.init(configuration: model.configuration, precision: precision, device: device) {
      (role, shape) throws(ModelFileError) in try model.weight(role, expecting: shape, on: device)
    }
  }
}

extension DecoderModel {
  /// Writes a folder that Hugging Face transformers loads: `config.json`, `model.safetensors`,
  /// `generation_config.json` and other files that are given. The folder is made if it is missing; each file appears
  /// whole or not at all, the weights last.
  /// - Parameters:
  ///   - folder: where the files go.
  ///   - files: what else belongs to the model, such as its tokenizer's files.
  ///   - type: how the weights are stored.
  ///   - maximumShardBytes: if the weights have more bytes, they go into files of at most so many,
  ///     `model-00001-of-00002.safetensors` and so on, and `model.safetensors.index.json`; nil for one file of any
  ///     size.
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
    let architecture = try KnownArchitectures.of(configuration)
    let tensors = StoredTensor.all(of: configuration.weights) { architecture.location(of: $0, in: configuration) }
    let sizes = tensors.map { ($0.name, $0.shape) }
    let single = folder.appendingPathComponent("model.safetensors")
    let shards = maximumShardBytes.map { WeightShards(of: sizes, type: type, maximumBytes: $0) }
    guard let shards, shards.files.count > 1 else {
      return try write(tensors, to: SafetensorsWriter(replacing: single, tensors: sizes, type: type))
    }
    try write(tensors, to: SafetensorsShardWriter(shards, of: sizes, in: folder, type: type))
    // readers would prefer a single file that stood there before
    guard FileManager.default.fileExists(atPath: single.path) else { return }
    do { try FileManager.default.removeItem(at: single) } catch {
      throw .file(.unwritable(file: single.path, reason: error.localizedDescription))
    }
  }

  /// So many weights are given to a sink at a time, about.
  private static var writtenTogether: Int { 1 << 20 }

  /// Writes the weights into their tensors, one after another, and commits. To those of each role a number is added,
  /// by default 0; `progress` hears how many are written. Throws what the sink throws.
  func write(
    _ tensors: [StoredTensor], to sink: some WeightSink, adding offset: (WeightRole) -> Float = { _ in 0 },
    progress: (Int) -> Void = { _ in }
  ) throws(ModelFileError) {
    var done = 0
    let byRole = Dictionary(uniqueKeysWithValues: self.weights.map { ($0.role, $0) })
    for tensor in tensors {
      // weights that lie in one tensor are converted together, and no others are there at the time
      let roles = Set(tensor.parts.map(\.role))
      let weights = Dictionary(
        uniqueKeysWithValues: roles.map { role in
          guard let stored = byRole[role] else { preconditionFailure("the decoder has no \(role)") }
          let weight = stored.merged(on: device).dense(on: device)
          let sum = offset(role)
          // norms alone have one
          return (role, sum == 0 ? weight : Tensor(weight.array().map { $0 + sum }, shape: weight.shape, on: device))
        })
      for part in tensor.parts {
        guard let weight = weights[part.role] else { preconditionFailure("\(part.role) was left out") }
        try weight.withSpan { (values) throws(ModelFileError) in
          let columns = weight.shape.dropFirst().reduce(1, *)
          let end = part.start + part.rows.count
          let count = max(1, Self.writtenTogether / columns)
          for start in stride(from: part.start, to: end, by: count) {
            let rows = start..<min(end, start + count)
            try sink.append(values.extracting(rows.lowerBound * columns..<rows.upperBound * columns), to: tensor.name)
            done += rows.count * columns
            progress(done)
          }
        }
      }
    }
    try sink.commit()
  }
}
