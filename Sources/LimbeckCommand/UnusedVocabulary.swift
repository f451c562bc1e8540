import LanguageModels
import ModelTraining
import Tokenization

/// What a student computes for tokens that its text never has.
enum UnusedVocabulary {
  /// A line about `--reduce-vocabulary`, where without the unused tokens the student would have less than three
  /// quarters of its weights, which about says what a step costs; nil elsewhere.
  /// - Parameters:
  ///   - student: what the student is.
  ///   - parameters: its number of weights.
  ///   - tokenizer: what makes its ids.
  ///   - text: what it learns. Of a long text a million tokens are looked at.
  /// - Returns: the line.
  static func hint(
    of student: DecoderConfiguration, parameters: Int, _ tokenizer: any Tokenizer, on text: any TokenSequences
  ) -> String? {
    guard tokenizer is any ReducibleTokenizer else { return nil }
    let matrices = student.tiesEmbeddings ? 1 : 2
    func saved(_ unused: Int) -> Double {
      Double(unused) * Double(student.hiddenSize) * Double(matrices) / Double(parameters)
    }
    guard saved(student.vocabularySize) > leastShare else { return nil }
    let count = min(text.count, max(1, lookedAt / text.sequenceLength))
    var used = Set<Int32>()
    for index in 0..<count { used.formUnion(text.batch([index * text.count / count]).ids) }
    let share = saved(student.vocabularySize - used.count)
    guard share > leastShare else { return nil }
    return """
      the text has \(Format.count(used.count)) of \(Format.count(student.vocabularySize)) tokens; --reduce-vocabulary \
      would take away up to \(Format.fixed(100 * share, 0)) % of the student's weights
      """
  }

  private static let leastShare = 0.25
  private static let lookedAt = 1 << 20
}
