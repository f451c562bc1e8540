import TensorCore

/// The keys and values of a sequence, kept from one request to the next.
///
/// A request that begins as an earlier one went on is computed from the first token in which the two differ: the next
/// turn of a conversation, or another end of the same text. One sequence at a time may use them.
public final class SequenceCaches {
  let decoder: KeyValueCache
  /// The draft's; nil without one.
  let draft: KeyValueCache?
  /// The tokens of the sequence so far. The last of them is never in the caches: it is computed with the next request.
  private var ids: [Int32] = []

  init(decoder: KeyValueCache, draft: KeyValueCache? = nil) {
    self.decoder = decoder
    self.draft = draft
  }

  /// The number of tokens at the beginning of `ids` that need not be computed again.
  public func keptTokens(of ids: [Int32]) -> Int {
    // the last token of a request is always computed: the next one follows from it
    let limit = max(0, min(self.ids.count, ids.count) - 1)
    var kept = 0
    while kept < min(limit, decoder.length), self.ids[kept] == ids[kept] { kept += 1 }
    // windows may have moved past the place where the two differ
    return decoder.canTruncate(to: kept) ? kept : 0
  }

  /// Begins the sequence of a request, of whose tokens `keptTokens(of:)` stay.
  func begin(_ request: DecodingRequest) {
    let kept = keptTokens(of: request.ids)
    // one that goes on until the context is full
    decoder.expectedLength = request.expectedLength ?? decoder.contextLength
    draft?.expectedLength = decoder.expectedLength
    decoder.truncate(to: kept)
    if let draft {
      let draftKept = min(kept, draft.length)
      draft.truncate(to: draft.canTruncate(to: draftKept) ? draftKept : 0)
    }
    ids = request.ids
  }

  /// Notes what the sequence is continued with.
  func append(_ id: Int32) { ids.append(id) }
}
