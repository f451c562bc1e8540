import CSentencePiece
import Foundation

/// Trains a tokenizer with libsentencepiece.
///
/// Text is not normalised, and newlines are kept: every tokenizer trained with byte fallback and without a dummy prefix
/// (the defaults) is lossless. The same text and options give the same tokenizer, on any number of cores.
///
/// ```swift
/// let trainer = TokenizerTrainer(TokenizerTrainingOptions(vocabularySize: 2048))
/// let tokenizer = try trainer.train(on: Corpus(paths: ["books/"]))
/// ```
public struct TokenizerTrainer: Sendable {
  /// What to train.
  public var options: TokenizerTrainingOptions

  /// A trainer with these options.
  public init(_ options: TokenizerTrainingOptions = TokenizerTrainingOptions()) { self.options = options }

  /// Trains on all text of `corpus`, read in a stream. Throws what is wrong with the options (`value`),
  /// the text (`file`, `notUTF8`, `emptyText`, `malformedJSONLine`) or both together (`value` for a vocabulary that is
  /// too large or too small for the text, `trainingFailed` for what else libsentencepiece refuses).
  public func train(on corpus: Corpus) throws(TokenizationError) -> SentencePieceTokenizer {
    var reader = CorpusReader(corpus)
    return try train(name: corpus.name) { () throws(TokenizationError) in
      while let event = try reader.nextEvent() {
        switch event {
        case .startOfDocument: continue
        case .text(let text): return text
        // Documents are apart, as lines are, and so are a prompt and its completion.
        case .row(let row): return Array(row.parts.filter { !$0.isTemplate }.map(\.text).joined(separator: "\n").utf8)
        case .endOfDocument: return [0x0A]
        }
      }
      return nil
    }
  }

  /// Trains on `texts`. Throws as `train(on:)` for a corpus.
  public func train(on texts: some Sequence<String>) throws(TokenizationError) -> SentencePieceTokenizer {
    var texts = texts.makeIterator()
    return try train(name: "the text") { () throws(TokenizationError) in texts.next().map { Array($0.utf8) + [0x0A] } }
  }

  private func train(
    name: String, _ nextPart: () throws(TokenizationError) -> [UInt8]?
  ) throws(TokenizationError) -> SentencePieceTokenizer {
    let arguments = try options.arguments()
    return try withoutActuallyEscaping(nextPart) { (nextPart) throws(TokenizationError) in
      let sentences = TrainingSentences(userDefined: options.userDefinedSymbols, nextPart)
      // libsentencepiece ends the process, rather than fail, where no sentence has a character to learn.
      guard try sentences.findsLearnableCharacter() else { throw .emptyText(file: name) }

      var model: UnsafeMutablePointer<CChar>?
      var size = 0
      var message: UnsafeMutablePointer<CChar>?
      let keys = arguments.map { strdup($0.key) }
      let values = arguments.map { strdup($0.value) }
      defer { for string in keys + values { free(string) } }
      let status = sentencepiece_train(
        keys.map { UnsafePointer($0) }, values.map { UnsafePointer($0) }, arguments.count,
        { context, bytes, size in
          guard let context, let bytes, let size else { return 0 }
          let sentences = Unmanaged<TrainingSentences>.fromOpaque(context).takeUnretainedValue()
          if sentences.next(&bytes.pointee, &size.pointee) { return 1 }
          return sentences.failure == nil ? 0 : -1
        }, Unmanaged.passUnretained(sentences).toOpaque(), &model, &size, &message)
      if let failure = sentences.failure { throw failure }
      guard status == 0, let model else { throw options.failure(withoutSourceLocation(takenText(message))) }
      defer { sentencepiece_free(model) }
      let serialized = Array(UnsafeRawBufferPointer(start: model, count: size))
      return try SentencePieceTokenizer(serialized: serialized, name: "the tokenizer just trained")
    }
  }
}
