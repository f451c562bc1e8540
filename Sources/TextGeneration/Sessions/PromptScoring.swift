import LanguageModels
import TensorCore

/// A token of a prompt, and what the model thought of it.
public struct ScoredToken: Sendable, Equatable {
  /// The token, and log p of it after those before it.
  public var token: TokenLogProbability
  /// The most probable tokens in its place, as many as were asked for, the most probable first.
  public var alternatives: [TokenLogProbability]
}

/// The log-probabilities of a prompt's tokens, computed a part at a time, so that sequences of a session may take their
/// turns between two parts.
///
/// ```swift
/// let scoring = generator.makeScoring(of: request, alternatives: 1)
/// while !scoring.isComplete { generator.advance([scoring], tokens: 512) }
/// ```
///
/// Its caches then hold the prompt: a session that the same request is submitted to with them goes on from there.
package final class PromptScoring {
  /// What is known of the prompt's tokens so far, from the second one on: nothing precedes the first.
  package private(set) var tokens: [ScoredToken] = []
  /// Why its tokens cannot be scored, `logitsNotFinite`; nil where they can.
  package private(set) var failure: GenerationError?
  /// The keys and values of the prompt as far as it has been computed.
  package let caches: SequenceCaches
  private let ids: [Int32]
  private let alternatives: Int

  init(_ request: DecodingRequest, caches: SequenceCaches, alternatives: Int) {
    ids = request.ids
    self.caches = caches
    self.alternatives = alternatives
    caches.begin(request)
  }

  /// Whether all tokens have been scored, or cannot be.
  package var isComplete: Bool { failure != nil || tokens.count >= ids.count - 1 }

  /// The next tokens to compute, `count` at most. The last token of the prompt is none: nothing is asked of what
  /// follows it.
  fileprivate func next(_ count: Int) -> ArraySlice<Int32> { ids[tokens.count..<ids.count - 1].prefix(count) }

  fileprivate var cache: KeyValueCache { caches.decoder }

  /// Scores the token that follows the one at `place` of the prompt, from the logits [V] behind that one.
  fileprivate func score(after place: Int, _ logits: Span<Float>) -> Result<ScoredToken, GenerationError> {
    let largest = RowKernels.maximum(logits)
    guard largest.isFinite else { return .failure(.logitsNotFinite(largest: largest)) }
    let id = ids[place + 1]
    let report = TokenReport(of: id, alternatives: alternatives, logits: logits)
    return .success(
      ScoredToken(
        token: TokenLogProbability(id: id, logProbability: report.logProbability), alternatives: report.alternatives))
  }

  /// Takes in the score of the next token; those behind a failure do not count.
  fileprivate func take(_ scored: Result<ScoredToken, GenerationError>) {
    guard failure == nil else { return }
    switch scored {
    case .success(let token): tokens.append(token)
    case .failure(let error): failure = error
    }
  }
}

extension Generator {
  /// Begins to score a prompt.
  /// - Parameters:
  ///   - request: the prompt, and how it will be continued if it is; as a session takes it.
  ///   - alternatives: how many of the most probable tokens to tell in each place.
  /// - Returns: what `advance` brings further.
  package func makeScoring(of request: DecodingRequest, alternatives: Int) -> PromptScoring {
    PromptScoring(request, caches: makeCaches(), alternatives: alternatives)
  }

  /// Computes the next tokens of prompts in one pass: `limit` at most, at least 1, of the first prompts first. No
  /// buffer of logits grows with them. A prompt whose logits are not finite has a `failure`; the others go on.
  package func advance(_ scorings: [PromptScoring], tokens limit: Int) {
    var parts: [(scoring: PromptScoring, ids: ArraySlice<Int32>)] = []
    var count = 0
    for scoring in scorings where count < limit && !scoring.isComplete {
      let ids = scoring.next(limit - count)
      parts.append((scoring, ids))
      count += ids.count
    }
    if parts.isEmpty { return }
    let hidden = decoder.hiddenStates(
      parts.flatMap(\.ids), counts: parts.map(\.ids.count), caches: parts.map(\.scoring.cache))
    let rows = parts.flatMap { part in part.ids.indices.map { (part.scoring, $0) } }
    let scored: [Result<ScoredToken, GenerationError>] = decoder.projection(of: hidden).mapLogits(
      rows: rows.indices.map { Int32($0) }
    ) { row, logits, _, _ in rows[row].0.score(after: rows[row].1, logits.span) }
    for ((scoring, _), result) in zip(rows, scored) { scoring.take(result) }
  }
}
