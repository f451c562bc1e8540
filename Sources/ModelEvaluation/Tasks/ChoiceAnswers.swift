import LanguageModels
import Tokenization

/// What a model thinks of the choices of questions.
struct ChoiceAnswers {
  /// Tokens of contexts that are computed together: enough for full matrix products, few enough for their caches.
  private static let tokensTogether = 2048

  /// That of each choice of each question, in nats.
  private(set) var logLikelihoods: [[Double]] = []
  /// How many prompts lost tokens at their beginning.
  private(set) var truncatedCount = 0

  /// Throws as `Tokenizer.choiceTokens`, and `notFinite`.
  init(
    of decoder: FrozenDecoder, _ tokenizer: any Tokenizer, to questions: [ChoiceQuestion], progress: (Int) -> Void
  ) throws(TaskError) {
    let tokens = try tokenizer.choiceTokens(
      of: questions, beginningID: decoder.configuration.beginningID,
      contextLength: decoder.configuration.contextLength)
    truncatedCount = tokens.count { $0.isTruncated }
    logLikelihoods = questions.map { [Double](repeating: 0, count: $0.choices.count) }
    var start = 0
    while start < questions.count {
      var (end, count) = (start, 0)
      while end < questions.count, end == start || count < Self.tokensTogether {
        count += tokens[end].sets.reduce(0) { $0 + $1.context.count }
        end += 1
      }
      let sets = tokens[start..<end].flatMap(\.sets)
      var found = decoder.logLikelihoods(of: sets)[...]
      for index in start..<end {
        for set in tokens[index].sets {
          for (choices, value) in zip(set.choices, found.removeFirst()) {
            guard value.isFinite else {
              throw .notFinite(place: questions[index].place, choice: choices[0], value: value)
            }
            for choice in choices { logLikelihoods[index][choice] = value }
          }
        }
      }
      start = end
      progress(end)
    }
  }
}
