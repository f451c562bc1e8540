public import Diagnostics
import DurableFiles
public import Foundation
public import LanguageModels
public import TensorCore

extension DecoderConfiguration {
  /// Reads the members of a config.json of any known family and checks them. Special ids beyond the vocabulary, as
  /// fine-tuning leaves them where it adds a token and no row, are left out: no model can predict them.
  /// (`strayIDs(in:)` names them.) Throws `value`, by the keys of config.json.
  public init(_ file: HuggingFaceConfiguration) throws(ModelFileError) {
    let file = try file.languageModel()
    let architecture = try KnownArchitectures.named(in: file)
    try ArithmeticKeys.check(file, for: architecture)
    self = try architecture.configuration(from: file.filling("model_type", with: .string(architecture.family)))
    let vocabularySize = vocabularySize
    let exists = { (id: Int) in id < vocabularySize }
    bosTokenID = bosTokenID.flatMap { exists($0) ? $0 : nil }
    eosTokenIDs = eosTokenIDs.filter(exists)
    padTokenID = padTokenID.flatMap { exists($0) ? $0 : nil }
    do throws(InvalidValue) { try check(place: file.file) } catch {
      let key =
        error.key == "rotary.scaling" ? try RotaryPositions.key(in: file) : architecture.keys[error.key] ?? error.key
      throw .value(
        InvalidValue(
          error.place, file.scope + key, expected: error.expected, found: error.found,
          advice: error.advice))
    }
  }

  /// The special ids of a file that are beyond this vocabulary, and so left out: one sentence for each key.
  public func strayIDs(in file: HuggingFaceConfiguration) -> [InvalidValue] {
    ["bos_token_id", "eos_token_id", "pad_token_id"].compactMap { key in
      let ids = ((try? file.tokenIDs(key)) ?? []).filter { $0 >= vocabularySize }
      guard !ids.isEmpty else { return nil }
      return InvalidValue(
        file.file, file.scope + key, expected: "ids below the vocab_size of \(vocabularySize)",
        found: ids.map(String.init).joined(separator: ", "), advice: "left out, for no output of the model has it")
    }
  }

  /// What the user should know of a config.json though it can be read, one sentence each: special ids beyond the
  /// vocabulary, where it has one, keys that nobody knows, and parts of the model that are not read.
  public func remarks(on file: HuggingFaceConfiguration) -> [InvalidValue] {
    let own = (try? file.languageModel()) ?? file
    let strays = own.contains("vocab_size") ? strayIDs(in: own) : []
    return [file.blindness].compactMap(\.self) + strays + FamiliarKeys.strangers(in: own)
  }

  /// The text of a config.json that transformers reads as this configuration: sorted keys, two spaces of indentation.
  /// `weightType` is the type that the weights beside it are stored in. Throws `value` for an unknown family, and where
  /// the family's config.json cannot say what this configuration is.
  public func huggingFaceJSON(weightType: WeightType) throws(ModelFileError) -> Data {
    var members = try KnownArchitectures.of(self).members(of: self)
    let said = try DecoderConfiguration(HuggingFaceConfiguration(members, file: "config.json"))
    guard said == self else {
      throw .value(
        InvalidValue(
          "config.json", "the configuration", expected: "one that a \(family) model can have, such as \(said)",
          found: "\(self)"))
    }
    members["torch_dtype"] = .string(weightType.rawValue)
    return Data((JSONValue.object(members).text(indentation: 2) + "\n").utf8)
  }

  /// Checks that every one of a tokenizer's `tokenCount` ids has its row in the embedding. (More rows are fine: many
  /// models pad their vocabulary.) `file` is the name that errors use. Throws `value` for `vocab_size`.
  public func requireVocabulary(for tokenCount: Int, file: String) throws(ModelFileError) {
    guard vocabularySize >= tokenCount else {
      throw .value(
        InvalidValue(
          file, "vocab_size", expected: "at least \(tokenCount), the tokenizer's number of tokens",
          found: "\(vocabularySize)"))
    }
  }
}

extension JSONValue {
  /// A token id, or null.
  static func id(_ id: Int?) -> JSONValue { id.map { .integer($0) } ?? .null }

  /// Token ids the way transformers writes them: null for none, a number for one, else an array.
  static func ids(_ ids: [Int]) -> JSONValue {
    ids.count > 1 ? .array(ids.map { .integer($0) }) : .id(ids.first)
  }

  /// The shortest decimal that is read back as the same float: 1e-05, not 9.99999974737875e-06.
  static func shortest(_ value: Float) -> JSONValue { .number(Double(value.description) ?? Double(value)) }

  /// The same of a number from which another is computed, where that one does not change by it; else all digits.
  static func shortest(_ value: Double, where keeps: (Double) -> Bool) -> JSONValue {
    let short = Double(Float(value).description) ?? value
    return .number(keeps(short) ? short : value)
  }
}
