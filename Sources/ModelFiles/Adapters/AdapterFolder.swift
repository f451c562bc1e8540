import Diagnostics
public import DurableFiles
public import Foundation
public import LanguageModels
public import TensorCore

/// A folder of low-rank adapters as PEFT writes it: adapter_config.json and adapter_model.safetensors.
public struct AdapterFolder: Sendable {
  static let configurationName = "adapter_config.json"
  static let weightsName = "adapter_model.safetensors"
  /// Where the file of the factors keeps the digest of the base: in a header that PEFT passes over.
  static let digestKey = "base_digest"

  /// What the adapters are of.
  public let configuration: AdapterConfiguration
  /// The model that they belong to, as the folder has it.
  public let base: AdapterBase
  let file: SafetensorsFile
  private let names: AdapterNames

  /// Whether there are adapters at `url`, and no whole model.
  public static func isOne(at url: URL) -> Bool {
    func has(_ name: String) -> Bool { somethingExists(at: url.appendingPathComponent(name).path) }
    return has(configurationName) && !has("model.safetensors") && !has("model.safetensors.index.json")
  }

  /// Opens the folder at `url`, of adapters for a decoder. Throws what is wrong with its files: adapters that are no
  /// plain LoRA, factors that are missing, unknown, or of other shapes than the decoder's matrices.
  public init(contentsOf url: URL, of decoder: DecoderConfiguration) throws(ModelFileError) {
    try self.init(AdapterFile(contentsOf: url.appendingPathComponent(Self.configurationName)), in: url, of: decoder)
  }

  init(_ settings: AdapterFile, in url: URL, of decoder: DecoderConfiguration) throws(ModelFileError) {
    names = try AdapterNames(of: decoder)
    let weights = url.appendingPathComponent(Self.weightsName)
    guard somethingExists(at: weights.path) else {
      throw .file(
        .missing(file: weights.path, advice: "save the adapters with safetensors (in peft: save_pretrained(folder))"))
    }
    file = try SafetensorsFile(contentsOf: weights)
    base = AdapterBase(path: settings.basePath ?? "", digest: file.metadata[Self.digestKey])
    configuration = AdapterConfiguration(
      rank: settings.rank, alpha: settings.alpha, isRankStabilised: settings.isRankStabilised,
      modules: try Self.modules(in: file, names, layerCount: decoder.layerCount))
    for module in configuration.modules {
      try settings.scope.requireTarget(names.name(of: module), layer: module.layer)
      let (outputs, inputs) = names.size(of: module)
      try requireShape([configuration.rank, inputs], of: names.downTensor(of: module))
      try requireShape([outputs, configuration.rank], of: names.upTensor(of: module))
    }
  }

  /// The modules whose factors are there, both of each. Throws `missingTensor` or `unexpectedTensor`.
  private static func modules(
    in file: SafetensorsFile, _ names: AdapterNames, layerCount: Int
  ) throws(ModelFileError) -> [AdaptedModule] {
    let all = (0..<layerCount).flatMap(names.modules(ofLayer:))
    let present = Set(file.names)
    let found = all.filter { present.contains(names.downTensor(of: $0)) || present.contains(names.upTensor(of: $0)) }
    let expected = Set(found.flatMap { [names.downTensor(of: $0), names.upTensor(of: $0)] })
    if let missing = expected.subtracting(present).min() { throw .missingTensor(file: file.path, tensor: missing) }
    if let unexpected = present.subtracting(expected).min() {
      throw .unexpectedTensor(
        file: file.path, tensor: unexpected,
        advice: "the adapters belong to another model, or are of other matrices than those of the layers")
    }
    guard !found.isEmpty else {
      throw .value(InvalidValue(file.path, "tensors", expected: "factors of adapters", found: "none"))
    }
    return found
  }

  private func requireShape(_ shape: [Int], of name: String) throws(ModelFileError) {
    let entry = try file.entry(name)
    guard entry.type.isReadable else { throw .notWeights(file: file.path, tensor: name, found: entry.type.rawValue) }
    guard entry.shape == shape else {
      throw .value(
        InvalidValue(
          file.path, "tensor \(name)", expected: "shape \(shape), to fit the model", found: "\(entry.shape)",
          advice: "the adapters belong to another model"))
    }
  }

  /// Converts a factor to float32; `destination` must have as many elements.
  private func read(_ factor: AdapterFactor, into destination: inout MutableSpan<Float>) throws(ModelFileError) {
    switch factor {
    case .down(let module): try file.read(names.downTensor(of: module), into: &destination)
    case .up(let layer, let matrix):
      guard let module = configuration.modules.first(where: { $0.layer == layer && $0.matrices.contains(matrix) })
      else { preconditionFailure("no adapter of \(matrix) in layer \(layer)") }
      try file.read(names.upTensor(of: module), rows: names.rows(of: matrix, in: module), into: &destination)
    }
  }

  /// The adapters in memory.
  /// - Parameters:
  ///   - decoder: sizes and constants of the decoder that the folder was opened for.
  ///   - base: the model that they belong to; nil for what the folder says.
  ///   - trainable: whether they get gradients.
  ///   - device: where they are computed with.
  /// - Returns: the adapters, which have the configuration of the folder.
  /// - Throws: `notWeights`.
  public func adapters(
    of decoder: DecoderConfiguration, base: AdapterBase? = nil, trainable: Bool, on device: Device
  ) throws(ModelFileError) -> DecoderAdapters {
    try DecoderAdapters(
      configuration, base: base ?? self.base, of: decoder, trainable: trainable, on: device
    ) { (factor, shape) throws(ModelFileError) in try tensor(factor, shape: shape, on: device) }
  }

  /// Puts the factors into adapters of the same configuration; views of these see the new ones. Throws `notWeights`.
  public func restore(_ adapters: DecoderAdapters) throws(ModelFileError) {
    precondition(adapters.configuration == configuration, "\(configuration) for \(adapters.configuration)")
    for (factor, parameter) in adapters.factors {
      try parameter.value.withMutableSpan { (values) throws(ModelFileError) in try read(factor, into: &values) }
    }
  }

  func tensor(_ factor: AdapterFactor, shape: [Int], on device: Device) throws(ModelFileError) -> Tensor {
    let tensor = Tensor.zeros(shape, on: device)
    try tensor.withMutableSpan { (values) throws(ModelFileError) in try read(factor, into: &values) }
    return tensor
  }
}

extension DecoderModel {
  /// Writes the decoder's adapters, which it must have, as a folder that PEFT loads: `adapter_config.json`,
  /// `adapter_model.safetensors`, and other files that are given. The folder is made if it is missing; each file
  /// appears whole or not at all, the factors last.
  /// - Parameters:
  ///   - folder: where the files go.
  ///   - files: what else belongs to the model, such as its tokenizer's files.
  ///   - type: how the factors are stored.
  /// - Throws: what the disk refuses.
  public func writeAdapters(
    to folder: URL, with files: [NamedFile] = [], as type: WeightType = .float32
  ) throws(ModelFileError) {
    guard let adapters else { preconditionFailure("a decoder without adapters") }
    do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
      throw .file(.unwritable(file: folder.path, reason: error.localizedDescription))
    }
    let names = try AdapterNames(of: configuration)
    let settings = AdapterFile.json(
      adapters.configuration, base: adapters.base, names: names, layerCount: configuration.layerCount)
    let all = [NamedFile(name: AdapterFolder.configurationName, contents: settings)] + files
    for file in all {
      try ModelFileError.wrapping { () throws(FileError) in
        try AtomicFile.write(file.contents, to: folder.appendingPathComponent(file.name))
      }
    }
    try names.write(adapters, to: folder.appendingPathComponent(AdapterFolder.weightsName), as: type)
  }
}

extension AdapterNames {
  /// Writes the factors: of each module A, then B with the rows of all its matrices in the tensor's order.
  fileprivate func write(_ adapters: DecoderAdapters, to file: URL, as type: WeightType) throws(ModelFileError) {
    let rank = adapters.configuration.rank
    let modules = adapters.configuration.modules
    let factors = Dictionary(uniqueKeysWithValues: adapters.factors.map { ($0.factor, $0.parameter.value) })
    var metadata = ["format": "pt"]
    metadata[AdapterFolder.digestKey] = adapters.base.digest
    let writer = try SafetensorsWriter(
      replacing: file,
      tensors: modules.flatMap { module in
        let (outputs, inputs) = size(of: module)
        return [(downTensor(of: module), [rank, inputs]), (upTensor(of: module), [outputs, rank])]
      }, type: type, metadata: metadata)
    for module in modules {
      guard let down = factors[.down(module)] else { preconditionFailure("\(module) was left out") }
      try down.withSpan { (values) throws(ModelFileError) in try writer.append(values, to: downTensor(of: module)) }
      var rows = [Float](repeating: 0, count: size(of: module).outputs * rank)
      for matrix in module.matrices {
        guard let up = factors[.up(layer: module.layer, matrix)] else { preconditionFailure("\(matrix) was left out") }
        let values = up.array()
        var start = 0
        for range in self.rows(of: matrix, in: module) {
          rows.replaceSubrange(
            range.lowerBound * rank..<range.upperBound * rank, with: values[start..<start + range.count * rank])
          start += range.count * rank
        }
      }
      try writer.append(rows.span, to: upTensor(of: module))
    }
    try writer.commit()
  }
}
