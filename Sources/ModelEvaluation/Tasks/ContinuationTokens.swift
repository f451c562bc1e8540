import Diagnostics
import LanguageModels
import Tokenization

/// A context, and what may stand behind it, as tokens: what log-likelihoods are computed of.
struct ContinuationSet: Sendable, Equatable {
  /// At least one token.
  let context: [Int32]
  /// Each at least one token, and no two the same: those would be computed beside other rows, and differ in rounding.
  var continuations: [[Int32]]
  /// Which of the question's choices each of them is.
  var choices: [[Int]]
}

/// The tokens of a question with choices.
struct ChoiceTokens: Sendable, Equatable {
  /// Choices with the same context share a set.
  var sets: [ContinuationSet] = []
  /// Whether tokens at the beginning were left out, for the model's context to hold the rest.
  var isTruncated = false

  /// Takes in a choice behind a context; left of the two is what a context of `contextLength` tokens holds.
  mutating func add(choice: Int, context: [Int32], continuation: [Int32], contextLength: Int) {
    // the last token is not fed
    let surplus = max(0, context.count + continuation.count - (contextLength + 1))
    if surplus > 0 { isTruncated = true }
    let context = Array(context.dropFirst(surplus))
    if let place = sets.firstIndex(where: { $0.context == context }) {
      if let same = sets[place].continuations.firstIndex(of: continuation) {
        sets[place].choices[same].append(choice)
      } else {
        sets[place].continuations.append(continuation)
        sets[place].choices.append([choice])
      }
    } else {
      sets.append(ContinuationSet(context: context, continuations: [continuation], choices: [[choice]]))
    }
  }
}

extension Tokenizer {
  /// The tokens of questions with choices, as lm-evaluation-harness has them (`_encode_pair` in lm_eval/api/model.py
  /// and `_loglikelihood_tokens` in lm_eval/models/huggingface.py, 0.4.13).
  ///
  /// A space stands between prompt and choice. White space at the end of the prompt belongs to the continuation. Prompt
  /// and continuation are encoded together, and what lies behind as many tokens as the prompt alone has is the
  /// continuation. BOS comes before, where the tokenizer has one; an empty prompt is BOS, or else `beginningID`. What
  /// the model's context does not hold is cut off at the beginning.
  ///
  /// Throws `noBeginningToken`, and `value` for a choice without a token of its own or one longer than the context.
  func choiceTokens(
    of questions: [ChoiceQuestion], beginningID: Int32?, contextLength: Int
  ) throws(TaskError) -> [ChoiceTokens] {
    let texts = questions.flatMap { question in
      let parts = PromptParts(question.prompt)
      return [parts.context] + question.choices.map { parts.context + parts.space + " " + $0 }
    }
    var encoded = encode(texts)[...]
    var result: [ChoiceTokens] = []
    for question in questions {
      let own = encoded.prefix(question.choices.count + 1)
      encoded = encoded.dropFirst(own.count)
      result.append(
        try choiceTokens(
          of: question, prompt: own[own.startIndex], wholes: own.dropFirst(), beginningID: beginningID,
          contextLength: contextLength))
    }
    return result
  }

  private func choiceTokens(
    of question: ChoiceQuestion, prompt: [Int32], wholes: ArraySlice<[Int32]>, beginningID: Int32?, contextLength: Int
  ) throws(TaskError) -> ChoiceTokens {
    let context = withBeginning(prompt, orElse: beginningID)
    guard !context.isEmpty else { throw .noBeginningToken(place: question.place) }
    var tokens = ChoiceTokens()
    for (choice, whole) in wholes.enumerated() {
      let continuation = Array(whole.dropFirst(prompt.count))
      guard (1...contextLength).contains(continuation.count) else {
        throw .value(
          InvalidValue(
            question.place, "choices[\(choice)]",
            expected: "from 1 to \(counted(contextLength, "token")), the model's context",
            found: "\(continuation.count)"))
      }
      tokens.add(choice: choice, context: context, continuation: continuation, contextLength: contextLength)
    }
    return tokens
  }

  /// Tokens behind BOS, if there is one and it does not stand there already; without any, behind `beginningID`.
  func withBeginning(_ ids: [Int32], orElse beginningID: Int32?) -> [Int32] {
    guard let first = bosID ?? (ids.isEmpty ? beginningID : nil), ids.first != first else { return ids }
    return [first] + ids
  }
}

/// A prompt, and the white space at its end.
private struct PromptParts {
  let context: String
  let space: String

  init(_ prompt: String) {
    let scalars = prompt.unicodeScalars
    let end = scalars.lastIndex { !Self.isSpace($0) }.map { scalars.index(after: $0) } ?? scalars.startIndex
    context = String(scalars[..<end])
    space = String(scalars[end...])
  }

  /// As Python's `str.isspace` has it.
  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }
}
