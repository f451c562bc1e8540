import Diagnostics

extension TokenizerTrainingOptions {
  /// The error for what libsentencepiece says of a training with these options: in this library's words where it is
  /// about the size of the vocabulary.
  func failure(_ message: String) -> TokenizationError {
    // trainer_interface.cc: "Vocabulary size too high (20000). Please set it to a value <= 1595."
    if let match = message.firstMatch(of: /Vocabulary size too high \(\d+\)\. Please set it to a value <= (\d+)/) {
      return .value(
        InvalidValue(
          "vocabulary-size", expected: "at most \(match.1), for which this text has pieces", found: "\(vocabularySize)",
          advice: "give a smaller vocabulary, or more text"))
    }
    // "Vocabulary size is smaller than required_chars. 262 vs 316. …"
    if let match = message.firstMatch(of: /Vocabulary size is smaller than required_chars\. \d+ vs (\d+)/) {
      return .value(
        InvalidValue(
          "vocabulary-size",
          expected:
            "at least \(match.1), for special pieces, \(byteFallback ? "bytes " : "")and this text's characters",
          found: "\(vocabularySize)", advice: "give a larger vocabulary, or a lower --character-coverage"))
    }
    return .trainingFailed(reason: message)
  }
}
