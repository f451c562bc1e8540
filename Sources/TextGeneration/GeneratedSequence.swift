import Tokenization

/// The text of a continuation while it is being generated.
struct GeneratedSequence {
  var generation: Generation
  private var decoder: StreamingDecoder
  private var stopStrings: StopStrings

  init(ids: [Int32], stop: [String], tokenizer: any Tokenizer) {
    generation = Generation(
      stopReason: .maxTokens, promptTokenCount: ids.count, promptSeconds: 0, generationSeconds: 0)
    decoder = StreamingDecoder(tokenizer, after: ids)
    stopStrings = StopStrings(stop)
  }

  /// Takes in the token that was chosen last. Returns the text that has become certain, and why the text ends here if it
  /// does.
  mutating func append(
    _ token: SampledToken, isEnd: Bool, maxTokens: Int, contextLength: Int
  ) -> (text: String, reason: StopReason?) {
    generation.tokenIDs.append(token.id)
    generation.logProbabilities.append(token.logProbability)
    generation.promptSeconds = token.startSeconds
    generation.generationSeconds = token.seconds
    let tokenCount = generation.promptTokenCount + generation.tokenIDs.count
    let reason: StopReason? =
      isEnd
      ? .endOfText
      : generation.tokenIDs.count >= maxTokens ? .maxTokens : tokenCount >= contextLength ? .contextFull : nil
    var part = decoder.append(token.id)
    if reason != nil { part += decoder.finish() }
    let (text, stop) = stopStrings.append(part, isLast: reason != nil)
    generation.text += text
    return (text, stop.map { .stopString($0) } ?? reason)
  }
}
