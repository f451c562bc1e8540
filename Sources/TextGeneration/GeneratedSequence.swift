package import Tokenization

/// The text of a continuation while it is being generated.
package struct GeneratedSequence {
  /// What is known of it so far.
  package private(set) var generation: Generation
  /// Whether the text has come to its end.
  package private(set) var hasEnded = false
  private let maxTokens: Int
  private var decoder: StreamingDecoder
  private var stopStrings: StopStrings

  /// The continuation of `ids`, with `maxTokens` tokens at most.
  package init(ids: [Int32], maxTokens: Int, stop: [String], tokenizer: any Tokenizer) {
    generation = Generation(
      stopReason: .maxTokens, promptTokenCount: ids.count, promptSeconds: 0, generationSeconds: 0)
    self.maxTokens = maxTokens
    decoder = StreamingDecoder(tokenizer, after: ids)
    stopStrings = StopStrings(stop)
  }

  /// Takes in the token that was chosen last, and returns the text that has become certain.
  package mutating func append(_ token: SampledToken) -> String {
    generation.tokenIDs.append(token.id)
    generation.logProbabilities.append(token.logProbability)
    generation.promptSeconds = token.startSeconds
    generation.generationSeconds = token.seconds
    generation.speculation = token.speculation
    var part = decoder.append(token.id)
    if token.finish != nil { part += decoder.finish() }
    let (text, stop) = stopStrings.append(part, isLast: token.finish != nil)
    generation.text += text
    if let stop {
      end(.stopString(stop))
    } else if let finish = token.finish {
      end(stopReason(finish))
    }
    return text
  }

  /// Ends the text, unless it has ended.
  package mutating func end(_ reason: StopReason) {
    if hasEnded { return }
    generation.stopReason = reason
    hasEnded = true
  }

  /// Ends the text before its time, unless it has ended, and returns what was held back of it until now: the bytes of
  /// half a character, and what might have become a stop string.
  package mutating func cutOff() -> String {
    if hasEnded { return "" }
    let (text, stop) = stopStrings.append(decoder.finish(), isLast: true)
    generation.text += text
    end(stop.map { .stopString($0) } ?? .maxTokens)
    return text
  }

  private func stopReason(_ finish: FinishReason) -> StopReason {
    switch finish {
    case .endToken: .endOfText
    // as few as fitted into the context may have been asked for
    case .maximumTokens: generation.tokenIDs.count >= maxTokens ? .maxTokens : .contextFull
    case .contextFull: .contextFull
    }
  }
}
