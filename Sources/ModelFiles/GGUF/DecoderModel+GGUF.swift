import Diagnostics
import DurableFiles
public import Foundation
public import GGUF
public import LanguageModels
import TensorCore

extension DecoderModel {
  /// Writes a GGUF file, as llama.cpp has them. It appears whole, after it was read back: at `destination`, where
  /// nothing may stand.
  /// - Parameters:
  ///   - destination: where it appears; its folder must exist.
  ///   - configuration: what the file says that the model is: the decoder's own, but for special ids.
  ///   - tokenizer: what the file says of the tokenizer, but for special ids.
  ///   - type: how matrices are kept.
  ///   - progress: hears how many of how many weights are written.
  ///   - check: gets what was written before it appears.
  /// - Returns: how the tensors are kept.
  /// - Throws: `ModelFileError` where llama.cpp has no such family, or no file can say what the model is, and what the
  ///   disk refuses; what `check` throws.
  public func writeGGUF(
    to destination: URL, saying configuration: DecoderConfiguration,
    with tokenizer: [(key: String, value: GGUFWrittenValue)], as type: GGUFWeightType,
    progress: (Int, Int) -> Void = { _, _ in }, check: (URL) throws -> Void = { _ in }
  ) throws -> [GGUFTypeCount] {
    let architecture = try KnownArchitectures.architectureInGGUF(of: configuration)
    let folder = try AtomicFolder(creating: destination)
    let file = folder.contents.appendingPathComponent(destination.lastPathComponent)
    let stored = StoredTensor.all(of: configuration.weights) {
      architecture.locationInGGUF(of: $0, in: configuration)
    }
    let givesLogits = architecture.locationInGGUF(
      of: configuration.tiesEmbeddings ? .embedding : .head, in: configuration
    ).name
    // weights of one tensor have rows of one length, and none lies beside the matrix that gives logits
    let matrices = stored.map {
      GGUFWriter.Tensor(
        name: $0.name, type: GGUFTensorType(type.encoding(of: $0.parts[0].role, in: configuration)), shape: $0.shape)
    }
    let metadata = try architecture.wholeMetadata(of: configuration, fileType: matrices.fileType) + tokenizer
    let factors = configuration.factorsInGGUF
    let sink = try GGUFSink(
      replacing: file, metadata: metadata,
      tensors: factors.map { GGUFWriter.Tensor(name: $0.name, type: .f32, shape: [$0.values.count]) } + matrices,
      on: device)
    for (name, values) in factors { try sink.append(values.span, to: name) }
    let total = stored.reduce(0) { $0 + $1.shape.reduce(1, *) }
    try write(stored, to: sink, adding: architecture.offsetInGGUF(of:)) { progress($0, total) }
    let written = try GGUFModel(contentsOf: file)
    try written.requireExactly(written.configuration.weights)
    try configuration.requireSame(as: written.configuration, in: architecture)
    try check(file)
    try folder.commit(file: file.lastPathComponent)
    return type.counts(of: matrices, givingLogits: givesLogits)
  }
}

extension KnownArchitectures {
  /// The family of a configuration in llama.cpp. Throws `value` where it has none, and where it has no such tensors.
  static func architectureInGGUF(
    of configuration: DecoderConfiguration
  ) throws(ModelFileError) -> any GGUFArchitecture {
    let family = configuration.family
    guard let architecture = try of(configuration) as? any GGUFArchitecture else {
      throw .value(
        InvalidValue(
          "the model", "model_type",
          expected: "a family that llama.cpp has, one of " + inGGUF.map { "\"\($0.family)\"" }.joined(separator: ", "),
          found: "\"\(family)\""))
    }
    func require(_ holds: Bool, _ key: String, _ expected: String, _ found: String) throws(ModelFileError) {
      guard !holds else { return }
      let llama = "llama.cpp has no other \(architecture.nameInGGUF)"
      throw .value(InvalidValue("the model", key, expected: expected, found: found, advice: llama))
    }
    let tensors = architecture.tensorsInGGUF
    func names(_ matrices: Set<LayerMatrix>) -> String {
      let names = LayerMatrix.allCases.filter(matrices.contains).map(\.rawValue)
      return names.isEmpty ? "none" : names.joined(separator: ", ")
    }
    try require(
      configuration.biases.isSubset(of: tensors.biases), "biases", "\(names(tensors.biases)), at the most",
      names(configuration.biases))
    let isTied = configuration.tiesEmbeddings
    try require(isTied ? tensors.embeddingAsHead : tensors.head, "tie_word_embeddings", "\(!isTied)", "\(isTied)")
    for layer in configuration.attention {
      switch layer.rotary?.scaling {
      case .llama3: try require(tensors.frequencyFactors, "rope_scaling", "none or linear", "llama3")
      case .longRope: try require(tensors.longRopeFactors, "rope_scaling", "none or linear", "longrope")
      case .linear, .beyondTheContext, .some(.none), nil: break
      }
    }
    return architecture
  }
}

extension GGUFArchitecture {
  /// All that a file says of the model itself, and of special ids.
  fileprivate func wholeMetadata(
    of configuration: DecoderConfiguration, fileType: UInt32
  ) throws(ModelFileError) -> [(key: String, value: GGUFWrittenValue)] {
    var values: [(key: String, value: GGUFWrittenValue)] = [
      // without `general.name`: llama.cpp treats tokens otherwise where some words are in it
      ("general.architecture", .string(nameInGGUF)), ("general.type", .string("model")),
      ("general.file_type", .uint32(fileType)), ("general.quantization_version", .uint32(2)),
    ]
    for (key, value) in metadataInGGUF(of: configuration).sorted(by: { $0.key < $1.key }) {
      values.append(("\(nameInGGUF).\(key)", value))
    }
    return try values + GGUFKeys.tokens(of: configuration)
  }
}
