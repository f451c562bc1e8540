import ArgumentParser
import DurableFiles
import Foundation
import LanguageModels
import Limbeck
import ModelFiles
import Tokenization

/// The option `--tokenizer` of commands that take a model.
enum ModelTokenizer {
  static let help = ArgumentHelp(
    "A tokenizer file, or a model with one, for models without a tokenizer that can be read.", valueName: "path")
}

extension StoredModel {
  /// Whether it has a tokenizer of its own, or says that it has: the vocabulary of a GGUF file may be of a kind that
  /// cannot be read.
  var hasTokenizer: Bool { !tokenizerURL.isFolder || TokenizerFormat.ofFolder(tokenizerURL) != nil }

  /// The model's tokenizer; says on standard error in which special ids the model differs from it.
  var tokenizer: any Tokenizer {
    get throws {
      let tokenizer = try loadTokenizer(from: tokenizerURL)
      for warning in specialIDWarnings(for: tokenizer) { Console().write("warning: \(url.path): \(warning)") }
      return tokenizer
    }
  }

  /// In which special ids the model differs from its tokenizer, a sentence each.
  func specialIDWarnings(for tokenizer: any Tokenizer) -> [String] {
    configuration.specialIDWarnings(for: tokenizer, in: configurationFile.lastPathComponent)
  }

  /// The tokenizer at `path`, which must be the model's if there are both, but for BOS, EOS and PAD. Where a GGUF
  /// file's own vocabulary cannot be read, it must be one that the model has outputs for.
  func tokenizer(orAt path: String?) throws -> any Tokenizer {
    guard let path else { return try tokenizer }
    let given = try loadTokenizer(from: URL(fileURLWithPath: path))
    guard hasTokenizer else { return given }
    let own: any Tokenizer
    do throws(TokenizationError) { own = try loadTokenizer(from: tokenizerURL) } catch {
      guard !tokenizerURL.isFolder else { throw error }
      let (tokens, outputs) = (given.vocabularySize, configuration.vocabularySize)
      try configuration.requireVocabulary(for: tokens, file: configurationFile.path)
      Console().write(
        "warning: \(url.path): its own vocabulary cannot be read, and so only the size of \(path) is checked: "
          + "\(Format.count(tokens, "token")) for \(Format.count(outputs, "output"))")
      return given
    }
    do throws(TokenizationError) {
      try requireSameTokenizer(given, from: path, own, from: url.path)
    } catch .tokenizersDiffer {
      throw CommandError.anotherTokenizer(file: path, model: url.path)
    }
    return given
  }
}

extension DecoderConfiguration {
  /// In which special ids the model differs from its tokenizer, a sentence each.
  fileprivate func specialIDWarnings(for tokenizer: any Tokenizer, in file: String) -> [String] {
    func name(_ id: Int) -> String {
      let hasToken = id >= 0 && id < tokenizer.vocabularySize
      return "id \(id)" + (hasToken ? " (\(JSONValue.quoted(tokenizer.spelling(of: Int32(id)))))" : "")
    }
    var warnings: [String] = []
    if let bos = tokenizer.bosID, let other = bosTokenID, bos != other {
      warnings.append("a text begins with \(name(other)) to \(file), and with \(name(Int(bos))) to the tokenizer")
    }
    if let eos = tokenizer.eosID, !eosTokenIDs.contains(Int(eos)) {
      warnings.append(
        "the tokenizer ends a text with \(name(Int(eos))), of which \(file) does not know"
          + (eosTokenIDs.isEmpty ? "" : ": it ends one with " + eosTokenIDs.map(name).joined(separator: ", ")))
    }
    if let pad = tokenizer.padID, let other = padTokenID, pad != other {
      warnings.append("\(file) pads with \(name(other)), and the tokenizer with \(name(Int(pad)))")
    }
    return warnings
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
