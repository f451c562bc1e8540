import Diagnostics
import DurableFiles
import LanguageModels
import TensorCore
import TestSupport
import Testing
import Tokenization

@testable import ModelEvaluation

@Suite("Answers to questions")
struct TaskResultTests {
  private static let tokenizer = ByteTokenizer()

  private static func decoder(
    contextLength: Int = 64, window: Int? = nil, bosTokenID: Int? = 256, deviation: Float = 0.3
  ) -> TransformerDecoder {
    var configuration = DecoderConfiguration(
      vocabularySize: tokenizer.vocabularySize, hiddenSize: 16, feedForwardSize: 24, layerCount: 2, headCount: 4,
      keyValueHeadCount: 2, contextLength: contextLength, initializerRange: deviation, bosTokenID: bosTokenID)
    configuration.eosTokenIDs = []
    if let window { configuration.attention[0].window = window }
    return TransformerDecoder(configuration: configuration, seed: 3)
  }

  private static func question(_ prompt: String, _ choices: [String], _ answer: Int = 0) -> ChoiceQuestion {
    ChoiceQuestion(prompt: prompt, choices: choices, answer: answer, place: "line 1")
  }

  /// The log-likelihood of a continuation in Double, from one pass over everything.
  private static func reference(_ decoder: any DecoderModel, _ context: [Int32], _ continuation: [Int32]) -> Double {
    let ids = (context + continuation).suffix(decoder.configuration.contextLength + 1)
    let logits = decoder.frozen().logits(decoder.frozen().hiddenStates(Array(ids.dropLast()), batchSize: 1)).array()
    let vocabulary = decoder.configuration.vocabularySize
    return continuation.enumerated().reduce(0) { sum, token in
      let row = ids.count - 1 - continuation.count + token.offset
      let values = logits[row * vocabulary..<(row + 1) * vocabulary].map(Double.init)
      return sum + DoubleReference.logSoftmax(values)[Int(token.element)]
    }
  }

  private static func bytes(_ text: String) -> [Int32] { tokenizer.encode(text) }

  /// Contexts that differ in length, choices of one token and of many, some longer than others.
  private static let questions = [
    question("The sun rises in", ["the east", "west"]),
    question("Two and two are", ["4", "at", "five or six, as some people say", "a"], 2),
    // white space at the end belongs to the choices, and a token may reach across
    question("the \n", ["\nend", "th"], 1),
    question("", ["nothing", "the thing"]), question(" \n ", ["x", "y"]),
    question("é – ", ["日本", "ü"]),
  ]

  @Test("Log-likelihoods are those of one pass for each choice", arguments: [nil, 5] as [Int?])
  func logLikelihoods(window: Int?) throws {
    let decoder = Self.decoder(window: window)
    let task = EvaluationTask(name: "t", questions: .choices(Self.questions))
    let result = try TaskResult(of: decoder, Self.tokenizer, on: task)
    let contexts = ["The sun rises in", "Two and two are", "the", "", "", "é –"]
    let spaces = [" ", " ", " \n ", " ", " \n  ", "  "]
    for (index, question) in Self.questions.enumerated() {
      let context = [256] + Self.bytes(contexts[index])
      let expected = question.choices.map { choice in
        let whole = Self.bytes(contexts[index] + spaces[index] + choice)
        return Self.reference(decoder, context, Array(whole.dropFirst(context.count - 1)))
      }
      let found = try #require(result.answers[index].values)
      #expect(found.count == expected.count)
      for (found, expected) in zip(found, expected) { #expect(abs(found - expected) < 1e-4, "\(question.prompt)") }
      let best = expected.indices.max { expected[$0] < expected[$1] }
      #expect(result.scores[0].isRight[index] == (best == question.answer))
      let perCharacter = zip(expected, question.choices).map { $0 / Double($1.unicodeScalars.count) }
      #expect(result.scores[1].isRight[index] == (perCharacter.max() == perCharacter[question.answer]))
    }
    #expect(result.scores.map(\.metric) == [.accuracy, .normalizedAccuracy])
    #expect(result.truncatedPrompts == 0 && result.questions == 6)
    #expect(result.scores[0].isRight.contains(true) && result.scores[0].isRight.contains(false))
    #expect(result.scores[0].isRight != result.scores[1].isRight)
  }

  @Test("Characters are Unicode scalars, and of several best choices the first counts")
  func ties() throws {
    let decoder = Self.decoder()
    func right(_ choices: [String], _ answer: Int) throws -> [Bool] {
      let task = EvaluationTask(
        name: "t", questions: .choices([Self.question("The", choices, answer), Self.question("The", choices, answer)]))
      return try TaskResult(of: decoder, Self.tokenizer, on: task).scores.map { $0.isRight[0] }
    }
    #expect(try right(["same", "same", "same"], 0) == [true, true])
    #expect(try right(["same", "same", "same"], 1) == [false, false])
  }

  @Test("Choices that are the same have the same bits, whatever they are computed beside")
  func equalChoices() throws {
    // the first choices of all questions are computed together, and the last one alone
    let others = (0..<60).map { Self.question("Question \($0 * 1000) asks", ["whether we are", "business is \($0)"]) }
    let equal = Self.question("Their store-houses crammed, and", ["whether we are", "a", "b", "whether we are"])
    let result = try TaskResult(
      of: Self.decoder(), Self.tokenizer, on: EvaluationTask(name: "t", questions: .choices(others + [equal])))
    let values = try #require(result.answers[60].values)
    #expect(values[0] == values[3])
  }

  @Test("Questions in many groups have the answers that they have alone, and progress counts each once")
  func groups() throws {
    let decoder = Self.decoder()
    let many = (0..<150).map { Self.question("Number \($0) is said to be one of", ["\($0 % 7)", "a \($0)"], 1) }
    var seen: [Int] = []
    let all = try TaskResult(of: decoder, Self.tokenizer, on: EvaluationTask(name: "t", questions: .choices(many))) {
      seen.append($0)
    }
    #expect(seen.last == 150 && seen.count > 1 && seen == seen.sorted())
    for index in [0, 77, 149] {
      let two = [many[index], many[0]]
      let alone = try TaskResult(of: decoder, Self.tokenizer, on: EvaluationTask(name: "t", questions: .choices(two)))
      let (first, second) = (try #require(all.answers[index].values), try #require(alone.answers[0].values))
      for (first, second) in zip(first, second) { #expect(abs(first - second) < 1e-4) }
    }
  }

  @Test("What the context does not hold is cut off at the beginning, for each choice by itself, and counted")
  func truncation() throws {
    let decoder = Self.decoder(contextLength: 16)
    // 15 and BOS; the choices have 2, 5 and 16 tokens, of which the last is not fed
    let question = Self.question("abcdefghijklmno", ["p", "pqrs", "pqrstuvwxyzABCD"])
    let task = EvaluationTask(name: "t", questions: .choices([question, Self.question("a", ["b", "c"])]))
    let result = try TaskResult(of: decoder, Self.tokenizer, on: task)
    #expect(result.truncatedPrompts == 1)
    let found = try #require(result.answers[0].values)
    for (found, choice) in zip(found, question.choices) {
      let expected = Self.reference(decoder, [256] + Self.bytes(question.prompt), Self.bytes(" " + choice))
      #expect(abs(found - expected) < 1e-4)
    }
    let tooLong = Self.question("a", ["b", "cdefghijklmnopqrs"])
    let error = #expect(throws: TaskError.self) {
      try TaskResult(
        of: decoder, Self.tokenizer, on: EvaluationTask(name: "t", questions: .choices([tooLong, tooLong])))
    }
    #expect(try #require(error).description.contains("line 1: choices[1]: expected from 1 to 16 tokens"))
  }

  @Test("A choice without a token of its own is refused, and an empty prompt where nothing begins a text")
  func choicesWithoutTokens() throws {
    func message(_ question: ChoiceQuestion) throws -> String {
      let task = EvaluationTask(name: "t", questions: .choices([question, question]))
      let error = #expect(throws: TaskError.self) {
        try TaskResult(of: Self.decoder(bosTokenID: nil), PlainTokenizer(), on: task)
      }
      return try #require(error).description
    }
    let swallowed = try message(Self.question("a", ["b", "\u{7}"]))
    #expect(swallowed.contains("line 1: choices[1]: expected from 1 to 64 tokens"), "\(swallowed)")
    #expect(try message(Self.question(" ", ["b", "c"])).contains("line 1: expected a text before the choices"))
  }

  @Test("A model whose weights are NaN is refused")
  func notFinite() throws {
    let decoder = Self.decoder()
    decoder.parameters.parameters[0].value.withMutableSpan { span in
      for index in 0..<span.count { span[index] = .nan }
    }
    let question = Self.question("a", ["b", "c"])
    let choices = EvaluationTask(name: "t", questions: .choices([question, question]))
    let error = #expect(throws: TaskError.self) { try TaskResult(of: decoder, Self.tokenizer, on: choices) }
    #expect(try #require(error).description.contains("line 1: the log-likelihood of choice 0 is nan"))
    let open = EvaluationTask(name: "t", questions: .open([Self.open("a"), Self.open("b")]))
    #expect(throws: TaskError.self) { try TaskResult(of: decoder, Self.tokenizer, on: open, answerTokens: 4) }
  }

  private static func open(_ prompt: String, _ answer: String = "1") -> OpenQuestion {
    OpenQuestion(prompt: prompt, answer: answer, place: "line 1")
  }

  /// What always taking the most probable token gives, a whole pass for each.
  private static func greedy(_ decoder: any DecoderModel, after prompt: String, _ count: Int) -> [Int32] {
    let frozen = decoder.frozen()
    var ids = ([256] + bytes(prompt)).suffix(decoder.configuration.contextLength - count)
    let start = ids.count
    while ids.count < start + count {
      let logits = frozen.logits(frozen.hiddenStates(Array(ids), batchSize: 1)).array()
      let row = logits.suffix(decoder.configuration.vocabularySize)
      let best = row.indices.max { row[$0] < row[$1] }.map { Int32($0 - row.startIndex) } ?? 0
      ids.append(best)
      if best == 257 { break }
    }
    return Array(ids.dropFirst(start))
  }

  @Test("Generated answers are the most probable tokens, BOS is silent, and what is too long is cut at the beginning")
  func generation() throws {
    // some that end by themselves, some that do not
    let prompts =
      (0..<40).map { "Question \($0 * 37): " } + ["a prompt that is longer than what the context has room for"]
    for deviation in [0.3, 0.8] as [Float] {
      let decoder = Self.decoder(contextLength: 48, deviation: deviation)
      let task = EvaluationTask(name: "t", questions: .open(prompts.map { Self.open($0) }))
      var seen: [Int] = []
      let result = try TaskResult(of: decoder, Self.tokenizer, on: task, answerTokens: 12) { seen.append($0) }
      for (prompt, answer) in zip(prompts, result.answers) {
        let ids = Self.greedy(decoder, after: prompt, 12)
        #expect(answer == .text(Self.tokenizer.decode(ids.filter { $0 != 256 && $0 != 257 })), "\(prompt)")
      }
      #expect(result.truncatedPrompts == 1)
      #expect(seen == Array(1...41))
      #expect(result.scores.map(\.metric) == [.strictMatch, .flexibleMatch])
    }
  }

  @Test("More tokens than the context has room for, and none, are refused", arguments: [0, -1, 48, 500])
  func answerTokens(count: Int) throws {
    let task = EvaluationTask(name: "t", questions: .open([Self.open("a"), Self.open("b")]))
    let error = #expect(throws: TaskError.self) {
      try TaskResult(of: Self.decoder(contextLength: 48), Self.tokenizer, on: task, answerTokens: count)
    }
    #expect(try #require(error).description.contains("answer-tokens: expected at least 1, and fewer than the 48"))
  }
}

extension TaskAnswer {
  fileprivate var values: [Double]? { if case .logLikelihoods(let values) = self { values } else { nil } }
}

/// Bytes without BOS and EOS, of which 7 and the space are no tokens.
private struct PlainTokenizer: Tokenizer {
  private let base = ByteTokenizer(pairs: [])
  var vocabularySize: Int { base.vocabularySize }
  var bosID: Int32? { nil }
  var eosID: Int32? { nil }
  var padID: Int32? { nil }
  var unknownID: Int32? { nil }
  var settings: [TokenizerFact] { base.settings }
  var isLossless: Bool { false }
  var digest: TokenizerDigest { base.digest }
  var files: [NamedFile] { base.files }
  func spelling(of id: Int32) -> String { base.spelling(of: id) }
  func text(of id: Int32) -> String { base.text(of: id) }
  func details(of id: Int32) -> [TokenizerFact] { base.details(of: id) }
  func moveToCut(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool { true }
  func makeDecoder(repairsUTF8: Bool) -> any TokenDecoder { base.makeDecoder(repairsUTF8: repairsUTF8) }
  func encode(_ batch: TextBatch, threads: Int) -> EncodedBatch {
    var (encoded, start) = (EncodedBatch(), 0)
    for end in batch.ends {
      encoded.ids += batch.bytes[start..<end].filter { $0 != 7 && $0 != 0x20 }.map { Int32($0) }
      encoded.ends.append(encoded.ids.count)
      start = end
    }
    return encoded
  }
}
