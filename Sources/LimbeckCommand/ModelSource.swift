import Diagnostics
import DurableFiles
import Foundation
import LanguageModels
import Limbeck
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

/// A model to be trained, before its weights are made: a CONFIG.json, a size, or a model to start from.
enum ModelSource {
  case configuration(HuggingFaceConfiguration)
  case size(ModelSize, contextLength: Int)
  case stored(any StoredModel)

  /// - Parameters:
  ///   - path: of a model, a config.json, or a size; not both.
  ///   - contextLength: of a model that is given by its size.
  /// - Throws: what is wrong with the model or the file.
  init(path: String, contextLength: Int) throws {
    let url = URL(fileURLWithPath: path)
    let exists = somethingExists(at: url.path)
    if let size = ModelSize(path) {
      guard !exists else {
        throw InvalidValue(
          path, "the model", expected: "one thing of this name, a size or a path",
          found: "both", advice: "write ./\(path) for the path, or \(ModelSize.otherSpelling(of: path)) for the size")
      }
      self = .size(size, contextLength: contextLength)
    } else if !exists {
      throw FileError.missing(
        file: path,
        advice: "expected a config.json, a model folder, a .gguf file or a size such as 260K, 3M, 1.5B or small")
    } else if url.isFolder || url.pathExtension.lowercased() == "gguf" {
      self = .stored(try openModel(path: path))
    } else {
      self = .configuration(try HuggingFaceConfiguration(contentsOf: url))
    }
  }

  /// Whether it is a model on disk, which has a tokenizer of its own.
  var isStored: Bool { if case .stored = self { true } else { false } }

  /// The tokenizer of a model on disk; others have none.
  var tokenizer: (any Tokenizer)? {
    get throws { if case .stored(let model) = self { try model.tokenizer } else { nil } }
  }

  /// The tokenizer at `path`, which must be the model's if there are both; one of them must be there.
  func tokenizer(orAt path: String?) throws -> any Tokenizer {
    if case .stored(let model) = self { return try model.tokenizer(orAt: path) }
    guard let path else { throw RecipeError.missing(keys: ["tokenizer"]) }
    return try loadTokenizer(from: URL(fileURLWithPath: path))
  }

  /// The model for ids of `tokenizer`, once `configuration(for:outputs:bosTokenID:)` was found to be right.
  /// - Parameters:
  ///   - tokenizer: what makes the ids.
  ///   - outputs: V where the model is given by its size or a config.json without one; nil for the tokenizer's.
  ///   - bosTokenID: `bos_token_id` where neither the tokenizer nor a config.json has one: the teacher's.
  ///   - adapters: those to be trained in place of the weights of a model on disk; nil for the weights.
  ///   - seed: determines fresh weights, and fresh adapters.
  ///   - precision: what the factors of products are rounded to.
  ///   - device: where it computes.
  /// - Returns: the model, trainable.
  /// - Throws: what is wrong with the source; where tokenizer and model do not fit together.
  func model(
    for tokenizer: any Tokenizer, outputs: Int? = nil, bosTokenID: Int? = nil, adapting adapters: AdapterSettings?,
    seed: UInt64, precision: ProductPrecision, on device: Device
  ) throws -> LanguageModel {
    if case .stored(let model) = self {
      return try Console().announcing("reading \(model.url.path)") {
        if let adapters {
          return try adapters.model(model, tokenizer: tokenizer, seed: seed, precision: precision, on: device)
        }
        if let adapted = model as? AdaptedModel {
          let base = adapted.base.url.relativePath
          Console().write(
            "warning: \(model.url.relativePath): adapters: they are merged into \(base), all weights of which are "
              + "trained, for there is no --lora-rank; to train new adapters, give --lora-rank and \(base); to train "
              + "these further, give their run to --continue")
        }
        return try LanguageModel(model, tokenizer: tokenizer, trainable: true, precision: precision, device: device)
      }
    }
    let (configuration, _, remarks) = try completed(for: tokenizer, outputs: outputs, bosTokenID: bosTokenID)
    for remark in remarks { Console().write("warning: \(remark)") }
    return try LanguageModel(
      configuration: configuration, tokenizer: tokenizer, seed: seed, precision: precision, device: device)
  }

  /// The configuration of the model for ids of `tokenizer`, from which that one is made. Throws where tokenizer and
  /// model do not fit together, where this machine could not train it, whatever else the run needs, and where there is
  /// nothing to adapt.
  func configuration(
    for tokenizer: any Tokenizer, outputs: Int? = nil, bosTokenID: Int? = nil, adapting adapters: AdapterSettings?
  ) throws -> DecoderConfiguration {
    let (configuration, place, _) = try completed(for: tokenizer, outputs: outputs, bosTokenID: bosTokenID)
    try configuration.requireVocabulary(for: tokenizer.vocabularySize, file: place)
    if adapters == nil {
      // what no machine has is not even counted
      try configuration.requireMemory(ProcessInfo.processInfo.physicalMemory, file: place)
    } else if !isStored {
      throw RecipeError.flag(
        InvalidValue(
          "--lora-rank", expected: "a model to adapt, a folder or a .gguf file", found: "a fresh one",
          advice: "fresh weights have to be trained themselves"))
    }
    return configuration
  }

  /// What makes the decoder whose adapters a run trains, on a device that counts; nil where its weights are trained.
  func counted(
    _ adapters: AdapterSettings?, _ precision: ProductPrecision
  ) -> ((Device) throws -> TransformerDecoder)? {
    guard let adapters, case .stored(let model) = self else { return nil }
    return { try adapters.counted(model, precision: precision, on: $0) }
  }

  /// The weights that are mapped while they are copied, as the plan of a run names them; none of a fresh model.
  var files: [MemoryPlan.Part] {
    guard case .stored(let model) = self else { return [] }
    return [.init("file of the student", bytes: model.weightBytes, isMapped: true)]
  }

  /// The configuration of a model, how errors name it, and what the user should know of it.
  private func completed(
    for tokenizer: any Tokenizer, outputs: Int?, bosTokenID: Int?
  ) throws -> (configuration: DecoderConfiguration, place: String, remarks: [InvalidValue]) {
    let outputs = outputs ?? tokenizer.vocabularySize
    let bosTokenID = tokenizer.bosID.map { Int($0) } ?? bosTokenID
    switch self {
    case .stored(let model): return (model.configuration, model.configurationFile.path, [])
    case .size(let size, let contextLength):
      var configuration = DecoderConfiguration(
        parameters: size.parameters, vocabularySize: outputs, contextLength: contextLength, tokenizer: tokenizer)
      configuration.bosTokenID = bosTokenID
      return (configuration, "the model's size", configuration.remark(onSize: size).map { [$0] } ?? [])
    case .configuration(let file):
      let complete =
        file
        .filling("vocab_size", with: .integer(outputs))
        .filling("bos_token_id", with: bosTokenID.map { .integer($0) } ?? .null)
        .filling("eos_token_id", with: tokenizer.eosID.map { .integer(Int($0)) } ?? .null)
      let configuration = try DecoderConfiguration(complete)
      var remarks = configuration.remarks(on: complete)
      // vocabularies are often padded so far; more is likely another tokenizer's
      if configuration.vocabularySize > (outputs + 127) / 128 * 128 {
        let warning = InvalidValue(
          file.file, "vocab_size", expected: "about the tokenizer's \(Format.count(tokenizer.vocabularySize)) tokens",
          found: Format.count(configuration.vocabularySize),
          advice: "the other rows are trained for nothing; leave vocab_size out for the tokenizer's")
        remarks.append(warning)
      }
      return (configuration, file.file, remarks)
    }
  }
}

extension DecoderConfiguration {
  /// What to say where a model made of a size has more weights than that, and why: by more than a quarter with a large
  /// vocabulary, or by more than half, which is less than the smallest model. What lies between two models is not said.
  func remark(onSize size: ModelSize) -> InvalidValue? {
    let (asked, found) = (size.parameters, weightCount ?? .max)
    let embedding = vocabularySize * hiddenSize
    let isMostlyEmbedding = embedding > found / 2
    guard found - asked > asked / (isMostlyEmbedding ? 4 : 2) else { return nil }
    let advice =
      isMostlyEmbedding
      ? "embedding and head, \(Format.count(vocabularySize)) tokens of \(Format.count(hiddenSize, "channel")), have "
        + "\(Format.count(embedding)) of them: cut the vocabulary with limbeck vocabulary, or give a larger size"
      : "the smallest has \(Format.count(hiddenSize, "channel")): for a smaller one give a config.json"
    return InvalidValue(
      "the model's size", "parameters", expected: "about \(Format.count(asked))", found: Format.count(found),
      advice: advice)
  }

  /// The bytes per weight that training takes: weights, gradients and two moments of AdamW, all float32.
  static let trainingBytesPerWeight = 4 * MemoryLayout<Float>.size

  /// Checks that a model to be trained fits into so many bytes: its weights, gradients and two moments of AdamW.
  func requireMemory(_ bytes: UInt64, file: String) throws(InvalidValue) {
    let bytesPerWeight = Self.trainingBytesPerWeight
    let count = weightCount ?? .max
    guard UInt64(count) <= bytes / UInt64(bytesPerWeight) else {
      throw InvalidValue(
        file, "the sizes together",
        expected:
          "a model that this machine's \(Format.bytes(Int(clamping: bytes))) can train, "
          + "\(bytesPerWeight) bytes per weight",
        found: "\(Format.count(count)) weights")
    }
  }
}
