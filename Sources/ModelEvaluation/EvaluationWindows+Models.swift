import Diagnostics
import LanguageModels
import Tokenization

extension EvaluationWindows {
  /// Windows for models, once it is proved that windows and tokens fit all of them. Throws as `init` does, and
  /// `tooFewTokens`, `tokenOutsideVocabulary`, and `value` for a batch size that cannot be or a window beyond a
  /// context.
  init(
    _ text: EvaluationText, window: Int, stride: Int?, batchSize: Int?,
    models: [(name: String, decoder: any DecoderModel)]
  ) throws(EvaluationError) {
    if let batchSize, batchSize < 1 {
      throw .value(InvalidValue("batch-size", expected: "at least 1", found: "\(batchSize)"))
    }
    for (name, decoder) in models {
      let contextLength = decoder.configuration.contextLength
      guard window <= contextLength else {
        throw .value(
          InvalidValue(
            "window", expected: "at most \(counted(contextLength, "token")), the context of \(name)", found: "\(window)"
          ))
      }
    }
    let beginningID = text.beginningID ?? models.first?.decoder.configuration.beginningID
    try self.init(text, window: window, stride: stride, beginningID: beginningID)
    guard scoredTokens > 1 else { throw .tooFewTokens(found: scoredTokens) }
    for (name, decoder) in models {
      try text.requireTokens(below: decoder.configuration.vocabularySize, name: name, beginningID: beginningID)
    }
  }
}

extension EvaluationText {
  /// Checks that all tokens, and BOS, are ids of a vocabulary of this size. Throws `tokenOutsideVocabulary`.
  package func requireTokens(
    below vocabularySize: Int, name: String, beginningID: Int32?
  ) throws(EvaluationError) {
    if let beginningID, !(0..<vocabularySize).contains(Int(beginningID)) {
      throw .tokenOutsideVocabulary(model: name, id: beginningID, position: nil, vocabularySize: vocabularySize)
    }
    var position = 0
    for document in documents {
      if let index = document.ids.firstIndex(where: { $0 < 0 || Int($0) >= vocabularySize }) {
        throw .tokenOutsideVocabulary(
          model: name, id: document.ids[index], position: position + index, vocabularySize: vocabularySize)
      }
      position += document.ids.count
    }
  }
}
