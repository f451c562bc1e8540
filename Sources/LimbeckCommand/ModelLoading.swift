import Diagnostics
import DurableFiles
import Foundation
import LanguageModels
import Limbeck
import ModelFiles
import TensorCore
import Tokenization

extension LanguageModel {
  /// The model of a Hugging Face folder with a tokenizer, frozen.
  init(folder path: String, precision: ProductPrecision = .float32, on device: Device) throws {
    try self.init(
      contentsOf: URL(fileURLWithPath: path, isDirectory: true), precision: precision, device: device)
  }
}

extension LanguageModel {
  /// How large it is, for the header of a run: `39,584 parameters, 3 layers of 48 channels`.
  var size: String {
    let configuration = decoder.configuration
    return "\(Format.count(decoder.parameters.count)) parameters, \(configuration.layerCount) "
      + (configuration.layerCount == 1 ? "layer" : "layers") + " of \(configuration.hiddenSize) channels"
  }
}

/// A model to be trained, before there is room for its weights: a CONFIG.json, or a folder to start from.
enum ModelSource {
  case configuration(DecoderConfiguration, file: URL)
  case folder(ModelFolder)

  init(path: String) throws {
    let url = URL(fileURLWithPath: path)
    self =
      url.isFolder
      ? .folder(try ModelFolder(contentsOf: url))
      : .configuration(try DecoderConfiguration(HuggingFaceConfiguration(contentsOf: url)), file: url)
  }

  /// The tokenizer of a folder; a CONFIG.json has none.
  var tokenizer: (any Tokenizer)? {
    get throws {
      if case .folder(let folder) = self { try loadTokenizer(from: folder.url) } else { nil }
    }
  }

  /// The tokenizer at `path`, which must be the folder's if there are both; one of them must be there.
  func tokenizer(orAt path: String?) throws -> any Tokenizer {
    let own = try tokenizer
    guard let path else {
      guard let own else { throw RecipeError.missing(key: "tokenizer") }
      return own
    }
    let given = try loadTokenizer(from: URL(fileURLWithPath: path))
    if case .folder(let checkpoint) = self, let own, own.digest != given.digest {
      throw CommandError.anotherTokenizer(file: path, folder: checkpoint.url.path)
    }
    return given
  }

  /// V
  var vocabularySize: Int {
    switch self {
    case .configuration(let configuration, _): configuration.vocabularySize
    case .folder(let checkpoint): checkpoint.configuration.vocabularySize
    }
  }

  /// The model for ids of `tokenizer`; `seed` determines fresh weights.
  func model(
    for tokenizer: any Tokenizer, seed: UInt64, precision: ProductPrecision, on device: Device
  ) throws -> LanguageModel {
    switch self {
    case .configuration(let configuration, let file):
      try configuration.requireVocabulary(for: tokenizer.vocabularySize, file: file.path)
      try configuration.requireMemory(ProcessInfo.processInfo.physicalMemory, file: file.path)
      return try LanguageModel(
        configuration: configuration, tokenizer: tokenizer, seed: seed, precision: precision, device: device)
    case .folder(let folder):
      return try LanguageModel(folder, tokenizer: tokenizer, trainable: true, precision: precision, device: device)
    }
  }
}

extension DecoderConfiguration {
  /// Checks that a model to be trained fits into so many bytes: its weights, gradients and two moments of AdamW.
  func requireMemory(_ bytes: UInt64, file: String) throws(InvalidValue) {
    let bytesPerWeight = 4 * MemoryLayout<Float>.size
    let count = weightCount ?? .max
    guard UInt64(count) <= bytes / UInt64(bytesPerWeight) else {
      throw InvalidValue(
        file, "the sizes together",
        expected:
          "a model that this machine's \(Format.bytes(Int(clamping: bytes))) can train, \(bytesPerWeight) bytes per weight",
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
  /// Checks that this tokenizer, of the model at `path`, is that of another model.
  func requireSame(as other: any Tokenizer, from otherPath: String, path: String) throws {
    do throws(TokenizationError) {
      try requireSameTokenizer(other, self)
    } catch .tokenizersDiffer(let difference) {
      throw CommandError.unlikeTokenizer(difference.description(student: path, teacher: otherPath))
    }
  }
}

extension DecoderModel {
  /// Checks that a student, made from `path`, has as many outputs as its teacher.
  func requireOutputs(of teacher: any DecoderModel, path: String) throws(CommandError) {
    let (expected, found) = (teacher.configuration.vocabularySize, configuration.vocabularySize)
    guard expected == found else { throw .vocabulariesDiffer(student: path, expected: expected, found: found) }
  }
}
