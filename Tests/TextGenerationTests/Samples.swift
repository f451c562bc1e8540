import LanguageModels
import ModelFiles
import TensorCore
import TestSupport
import Tokenization

@testable import TextGeneration

/// Tokenizers trained once on a few sentences.
enum Trained {
  static let lossless = trained(TokenizerTrainingOptions(vocabularySize: 320))
  /// Llama style: a space is put in front of a text.
  static let withPrefix = trained(
    TokenizerTrainingOptions(algorithm: .bpe, vocabularySize: 320, addsDummyPrefix: true))
  /// As SentencePiece trains by default: spaces at the ends of a text and runs of them are removed.
  static let removingSpaces = removingSpaces(from: withPrefix)
  static let removingSpacesUnigram = removingSpaces(from: lossless)
  static let withoutBeginning = trained(TokenizerTrainingOptions(vocabularySize: 320, bosID: nil, eosID: nil))

  private static let text =
    (0..<200).map { "The \($0 % 7) cats of number \($0) saw a red ball, and they played.\n" }.joined()

  /// `tokenizer` with remove_extra_whitespaces in its normalizer_spec: a message that occurs twice is merged.
  private static func removingSpaces(from tokenizer: SentencePieceTokenizer) -> SentencePieceTokenizer {
    do {
      return try SentencePieceTokenizer(serialized: tokenizer.serialized + [3 << 3 | 2, 4, 3 << 3, 1, 4 << 3, 1])
    } catch {
      preconditionFailure("cannot change a tokenizer for tests: \(error)")
    }
  }

  private static func trained(_ options: TokenizerTrainingOptions) -> SentencePieceTokenizer {
    do { return try TokenizerTrainer(options).train(on: [text]) } catch {
      preconditionFailure("cannot train a tokenizer for tests: \(error)")
    }
  }
}

/// A random decoder whose logits differ enough for its choices to be clear.
func tinyDecoder(
  vocabularySize: Int = 320, contextLength: Int = 64, eosTokenIDs: [Int] = [], seed: UInt64 = 1,
  windows: [Int?] = [nil, nil], on device: Device = .shared
) -> TransformerDecoder {
  TransformerDecoder(
    configuration: DecoderConfiguration(
      vocabularySize: vocabularySize, hiddenSize: 24, feedForwardSize: 40, layerCount: windows.count, headCount: 4,
      keyValueHeadCount: 2, contextLength: contextLength, attention: windows.map { LayerAttention(window: $0) },
      initializerRange: 0.4, eosTokenIDs: eosTokenIDs),
    seed: seed, device: device)
}

extension DecoderModel {
  /// The logits [V] that follow the last of `ids`, computed without a cache.
  func lastLogits(_ ids: [Int32]) -> [Float] {
    let decoder = frozen()
    return Array(decoder.logits(decoder.hiddenStates(ids, batchSize: 1)).array().suffix(configuration.vocabularySize))
  }
}

extension Sampling {
  /// The sampler's `probabilities` of an array.
  func probabilities(_ logits: [Float], seen: Set<Int32> = []) throws(GenerationError) -> [Float] {
    var row = logits
    var span = row.mutableSpan
    try sampler().probabilities(&span, history: TokenHistory(Array(seen)))
    return row
  }

  /// The sampler's `nextToken` of an array.
  func nextToken(
    _ logits: [Float], seen: Set<Int32> = [], using generator: inout SeededGenerator
  ) throws(GenerationError) -> Int32 {
    var row = logits
    var span = row.mutableSpan
    return try sampler().nextToken(&span, history: TokenHistory(Array(seen)), using: &generator)
  }
}

extension DecodingSession {
  /// Submits requests to an empty session, and steps until all of them have left. Returns the tokens of each, without
  /// the times they took.
  func tokens(of requests: [DecodingRequest]) throws -> [[SampledToken]] {
    for request in requests { _ = try submit(request) }
    var tokens = [[SampledToken]](repeating: [], count: requests.count)
    while sequenceCount > 0 {
      for token in try nextTokens() { tokens[token.sequence.number].append(token) }
    }
    return tokens
  }

  /// The tokens of one step, without the times they took.
  func nextTokens() throws -> [SampledToken] {
    try step().map { event in
      switch event {
      case .failed(_, let error): throw error
      case .token(var token):
        (token.seconds, token.startSeconds) = (0, 0)
        return token
      }
    }
  }
}

/// The probabilities that Hugging Face's logits processors leave, in Double, step by step as they are defined.
func twinProbabilities(_ logits: [Double], _ sampling: Sampling, seen: Set<Int32> = []) -> [Double] {
  var scores = logits
  for id in seen.map(Int.init) {
    scores[id] = scores[id] < 0 ? scores[id] * sampling.repetitionPenalty : scores[id] / sampling.repetitionPenalty
  }
  scores = scores.map { $0 / sampling.temperature }
  if sampling.topK > 0 {
    let last = scores.sorted(by: >)[min(sampling.topK, scores.count) - 1]
    scores = scores.map { $0 < last ? -.infinity : $0 }
  }
  if sampling.topP < 1 {
    let probabilities = DoubleReference.softmax(scores)
    let ascending = scores.indices.sorted { (scores[$0], -$0) < (scores[$1], -$1) }
    var mass = 0.0
    for id in ascending.dropLast() {
      mass += probabilities[id]
      if mass <= 1 - sampling.topP { scores[id] = -.infinity }
    }
  }
  if sampling.minP > 0 {
    let probabilities = DoubleReference.softmax(scores)
    let bound = sampling.minP * (probabilities.max() ?? 0)
    scores = zip(scores, probabilities).map { $1 < bound ? -.infinity : $0 }
  }
  return DoubleReference.softmax(scores)
}

/// Never the same token twice in a row.
struct LastTokenBan: LogitsProcessor {
  func processLogits(_ logits: inout MutableSpan<Float>, history: TokenHistory) {
    if let last = history.ids.last { logits[Int(last)] = -.infinity }
  }
}
