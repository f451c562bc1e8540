import Diagnostics
import DurableFiles
import Foundation
import LanguageModels
import Limbeck
import ModelFiles
import TensorCore
import Tokenization

extension ModelLocation {
  /// The location of the model at a path; says so on standard error where it is a checkpoint.
  init(path: String) throws {
    try self.init(URL(fileURLWithPath: path, isDirectory: true))
    if let step {
      Console().write("\(path): the run is not finished; its newest checkpoint is taken, of step \(Format.count(step))")
    }
  }
}

/// Opens the model at a path, and says on standard error what the user should know of it.
func openModel(path: String) throws -> any StoredModel {
  let model = try openModel(at: ModelLocation(path: path).folder)
  for warning in model.warnings { Console().write("warning: \(warning)") }
  guard model.url.isFolder else { return model }
  let lost = try addedTokens(beyond: model.configuration.vocabularySize, in: model.url)
  guard let first = lost.first else { return model }
  let others = lost.count > 1 ? " and \(lost.count - 1) more" : ""
  Console().write(
    "warning: \(model.url.path): added token \(first)\(others): read as plain text, for vocab_size has no such id")
  return model
}

extension StoredModel {
  /// Whether it has a tokenizer of its own.
  var hasTokenizer: Bool { url.isFolder ? TokenizerFormat.ofFolder(url) != nil : false }

  /// The model's tokenizer; says on standard error in which special ids config.json differs from it.
  var tokenizer: any Tokenizer {
    get throws {
      let tokenizer = try loadTokenizer(from: url)
      for warning in configuration.specialIDWarnings(for: tokenizer) {
        Console().write("warning: \(url.path): \(warning)")
      }
      return tokenizer
    }
  }

  /// The tokenizer at `path`, which must be the model's if there are both, but for BOS, EOS and PAD.
  func tokenizer(orAt path: String?) throws -> any Tokenizer {
    guard let path else { return try tokenizer }
    let given = try loadTokenizer(from: URL(fileURLWithPath: path))
    guard hasTokenizer else { return given }
    do throws(TokenizationError) {
      try requireSameTokenizer(given, from: path, loadTokenizer(from: url), from: url.path)
    } catch .tokenizersDiffer {
      throw CommandError.anotherTokenizer(file: path, folder: url.path)
    }
    return given
  }
}

extension DecoderConfiguration {
  /// In which special ids config.json differs from the model's tokenizer, a sentence each.
  func specialIDWarnings(for tokenizer: any Tokenizer) -> [String] {
    func name(_ id: Int) -> String {
      let hasToken = id >= 0 && id < tokenizer.vocabularySize
      return "id \(id)" + (hasToken ? " (\(JSONValue.quoted(tokenizer.spelling(of: Int32(id)))))" : "")
    }
    var warnings: [String] = []
    if let bos = tokenizer.bosID, let other = bosTokenID, bos != other {
      warnings.append("a text begins with \(name(other)) to config.json, and with \(name(Int(bos))) to the tokenizer")
    }
    if let eos = tokenizer.eosID, !eosTokenIDs.contains(Int(eos)) {
      warnings.append(
        "the tokenizer ends a text with \(name(Int(eos))), of which config.json does not know"
          + (eosTokenIDs.isEmpty ? "" : ": it ends one with " + eosTokenIDs.map(name).joined(separator: ", ")))
    }
    if let pad = tokenizer.padID, let other = padTokenID, pad != other {
      warnings.append("config.json pads with \(name(other)), and the tokenizer with \(name(Int(pad)))")
    }
    return warnings
  }
}

extension LanguageModel {
  /// The model of a Hugging Face folder, a GGUF file, or a run, frozen; with the tokenizer at a path, if one is given.
  init(
    folder path: String, tokenizer tokenizerPath: String? = nil, precision: ProductPrecision = .float32,
    on device: Device
  ) throws {
    let model = try openModel(path: path)
    try self.init(model, tokenizer: model.tokenizer(orAt: tokenizerPath), precision: precision, device: device)
  }

  /// How large it is, for the header of a run: `39,584 parameters, 3 layers of 48 channels`.
  var size: String {
    let configuration = decoder.configuration
    return "\(Format.count(decoder.parameters.count, "parameter")), \(Format.count(configuration.layerCount, "layer")) "
      + "of \(Format.count(configuration.hiddenSize, "channel"))"
  }
}

/// A model to be trained, before there is room for its weights: a CONFIG.json, a size, or a model to start from.
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
        file: path, advice: "expected a config.json, a model folder, a .gguf file or a size such as 260K, 3M, 1.5B or small")
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
    guard let path else { throw RecipeError.missing(key: "tokenizer") }
    return try loadTokenizer(from: URL(fileURLWithPath: path))
  }

  /// The model for ids of `tokenizer`.
  /// - Parameters:
  ///   - tokenizer: what makes the ids.
  ///   - outputs: V where the model is given by its size or a config.json without one; nil for the tokenizer's.
  ///   - bosTokenID: `bos_token_id` where neither the tokenizer nor a config.json has one: the teacher's.
  ///   - seed: determines fresh weights.
  ///   - precision: what the factors of products are rounded to.
  ///   - device: where it computes.
  /// - Returns: the model, trainable.
  /// - Throws: what is wrong with the source; where tokenizer and model do not fit together.
  func model(
    for tokenizer: any Tokenizer, outputs: Int? = nil, bosTokenID: Int? = nil, seed: UInt64,
    precision: ProductPrecision, on device: Device
  ) throws -> LanguageModel {
    if case .stored(let model) = self {
      return try LanguageModel(model, tokenizer: tokenizer, trainable: true, precision: precision, device: device)
    }
    let (configuration, place) = try configuration(
      for: tokenizer, outputs: outputs ?? tokenizer.vocabularySize,
      bosTokenID: tokenizer.bosID.map { Int($0) } ?? bosTokenID)
    try configuration.requireVocabulary(for: tokenizer.vocabularySize, file: place)
    try configuration.requireMemory(ProcessInfo.processInfo.physicalMemory, file: place)
    return try LanguageModel(
      configuration: configuration, tokenizer: tokenizer, seed: seed, precision: precision, device: device)
  }

  /// The configuration of a fresh model, and how errors name it.
  private func configuration(
    for tokenizer: any Tokenizer, outputs: Int, bosTokenID: Int?
  ) throws -> (configuration: DecoderConfiguration, place: String) {
    switch self {
    case .stored(let model): return (model.configuration, model.configurationFile.path)
    case .size(let size, let contextLength):
      var configuration = DecoderConfiguration(
        parameters: size.parameters, vocabularySize: outputs, contextLength: contextLength, tokenizer: tokenizer)
      configuration.bosTokenID = bosTokenID
      return (configuration, "the model's size")
    case .configuration(let file):
      let complete =
        file
        .filling("vocab_size", with: .integer(outputs))
        .filling("bos_token_id", with: bosTokenID.map { .integer($0) } ?? .null)
        .filling("eos_token_id", with: tokenizer.eosID.map { .integer(Int($0)) } ?? .null)
      let configuration = try DecoderConfiguration(complete)
      for remark in configuration.remarks(on: complete) { Console().write("warning: \(remark)") }
      // vocabularies are often padded so far; more is likely another tokenizer's
      if configuration.vocabularySize > (outputs + 127) / 128 * 128 {
        let warning = InvalidValue(
          file.file, "vocab_size", expected: "about the tokenizer's \(Format.count(tokenizer.vocabularySize)) tokens",
          found: Format.count(configuration.vocabularySize),
          advice: "the other rows are trained for nothing; leave vocab_size out for the tokenizer's")
        Console().write("warning: \(warning)")
      }
      return (configuration, file.file)
    }
  }
}

extension DecoderConfiguration {
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

extension LanguageModel {
  /// Checks that this model, from `path`, turns text into the same ids as another one, and has as many outputs.
  func requireVocabulary(of other: LanguageModel, from otherPath: String, path: String) throws {
    try tokenizer.requireSame(as: other.tokenizer, from: otherPath, path: path)
    try decoder.requireOutputs(of: other.decoder, path: path)
  }
}

extension Tokenizer {
  /// Checks that this tokenizer, of the model at `path`, is that of another model. Says on standard error where BOS,
  /// EOS or PAD differ: those of the other one are used.
  func requireSame(as other: any Tokenizer, from otherPath: String, path: String) throws {
    do throws(TokenizationError) {
      try requireSameTokenizer(other, from: otherPath, self, from: path)
    } catch .tokenizersDiffer(let difference) {
      throw CommandError.unlikeTokenizer(difference.description(student: path, teacher: otherPath))
    }
  }
}

/// Checks that two tokenizers, from paths, turn text into the same ids. Says on standard error where BOS, EOS or PAD
/// differ: the first one's are used.
private func requireSameTokenizer(
  _ teacher: any Tokenizer, from teacherPath: String, _ student: any Tokenizer, from studentPath: String
) throws(TokenizationError) {
  for difference in try requireSameTokenizer(teacher, student) {
    Console().write("warning: \(difference.description(student: studentPath, teacher: teacherPath))")
  }
}

extension DecoderModel {
  /// Checks that a student, made from `path`, has as many outputs as its teacher.
  func requireOutputs(of teacher: any DecoderModel, path: String) throws(CommandError) {
    let (expected, found) = (teacher.configuration.vocabularySize, configuration.vocabularySize)
    guard expected == found else { throw .vocabulariesDiffer(student: path, expected: expected, found: found) }
  }
}
