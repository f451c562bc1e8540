import TensorCore
import Tokenization

/// A prompt and its continuation while they are being generated.
struct GeneratedSequence {
  /// Which prompt it continues, counted from 0.
  let prompt: Int
  let cache: KeyValueCache
  /// The tokens so far, those of the prompt included.
  var seen: Set<Int32>
  var generator: SeededGenerator
  var generation: Generation
  /// When the continuation began.
  let start: ContinuousClock.Instant
  private var decoder: StreamingDecoder
  private var stopStrings: StopStrings

  init(
    prompt: Int, ids: [Int32], cache: KeyValueCache, generator: SeededGenerator, stop: [String],
    tokenizer: SentencePieceTokenizer, promptSeconds: Double
  ) {
    self.prompt = prompt
    self.cache = cache
    self.generator = generator
    seen = Set(ids)
    start = .now
    generation = Generation(
      stopReason: .maxTokens, promptTokenCount: ids.count, promptSeconds: promptSeconds, generationSeconds: 0)
    // The continuation is decoded as what follows the prompt: its first space is no dummy prefix.
    decoder = StreamingDecoder(tokenizer)
    for id in ids { _ = decoder.append(id) }
    stopStrings = StopStrings(stop)
  }

  /// The number of tokens so far.
  var tokenCount: Int { generation.promptTokenCount + generation.tokenIDs.count }

  /// Takes in the token that was chosen last. Returns the text that has become certain, and why the text ends here if it
  /// does.
  mutating func append(
    _ id: Int32, isEnd: Bool, maxTokens: Int, contextLength: Int
  ) -> (text: String, reason: StopReason?) {
    generation.tokenIDs.append(id)
    seen.insert(id)
    let reason: StopReason? =
      isEnd
      ? .endOfText
      : generation.tokenIDs.count >= maxTokens ? .maxTokens : tokenCount >= contextLength ? .contextFull : nil
    var part = decoder.append(id)
    if reason != nil { part += decoder.finish() }
    let (text, stop) = stopStrings.append(part, isLast: reason != nil)
    return (text, stop.map { .stopString($0) } ?? reason)
  }
}
