public import Foundation

/// A prompt and what completes it, as ids.
public struct EncodedCompletion: Hashable, Sendable {
  /// The prompt's ids, without BOS.
  public var prompt: [Int32]
  /// The completion's ids, without EOS.
  public var completion: [Int32]
}

/// A part of a text as ids.
public struct EncodedPart: Hashable, Sendable {
  /// The ids.
  public var ids: [Int32]
  /// Whether they count.
  public var isCounted: Bool
}

/// How the parts of one text are joined, above all a prompt and its completion: the one place that decides it, for
/// training and for generation.
///
/// Each part has ids of its own. These are the ids of the joined text, unless one of its tokens would reach across from
/// one part into the next; then the part before is encoded as a text that ends there, and the next one as a text that
/// goes on. Where a tokenizer removes spaces at the ends of a text, one space between two parts is kept.
extension Tokenizer {
  /// The ids of each prompt, in order, as a completion follows them: BOS, where the tokenizer has one, and the
  /// prompt's. After BOS they are the ids that `encode(prompt:completion:)` has for the prompt, whatever the
  /// completion.
  public func encode(prompts: [String]) -> [[Int32]] {
    let beginning = [bosID].compactMap(\.self)
    return encode(texts: prompts.map { [Array($0.utf8)] }, areContinued: true).map { beginning + $0[0] }
  }

  /// The ids of a prompt and its completion, both UTF-8. Up to `threads` threads encode (default: as many as the
  /// machine has cores).
  public func encode(
    prompt: some Collection<UInt8>, completion: some Collection<UInt8>,
    threads: Int = ProcessInfo.processInfo.activeProcessorCount
  ) -> EncodedCompletion {
    let parts = encode(texts: [[Array(prompt), Array(completion)]], threads: threads)[0]
    return EncodedCompletion(prompt: parts[0], completion: parts[1])
  }

  /// The ids of the parts of a chat, or of any text in parts, without the BOS that it may begin with. Up to `threads`
  /// threads encode (default: as many as the machine has cores).
  /// - Parameters:
  ///   - parts: the parts, in order. In a template's, the spellings of BOS and EOS become these ids.
  ///   - isContinued: whether a completion will follow; false by default.
  ///   - threads: the most threads that encode.
  /// - Returns: for each part one or more, in order, none of them empty.
  public func encode(
    _ parts: [ChatPart], isContinued: Bool = false, threads: Int = ProcessInfo.processInfo.activeProcessorCount
  ) -> [EncodedPart] {
    // The texts to encode, and between them the ids that are known.
    var texts: [[UInt8]] = []
    var spans: [(id: Int32?, isCounted: Bool)] = []
    for part in parts {
      for span in part.isTemplate ? specialTokens(in: part.text) : [.text(part.text[...])] {
        switch span {
        case .text(let text):
          texts.append(Array(text.utf8))
          spans.append((nil, part.isCounted))
        case .special(let id):
          if id != bosID || !spans.isEmpty { spans.append((id, part.isCounted)) }
        }
      }
    }
    // A token that is known may follow the last text.
    let isLastContinued = isContinued || spans.last?.id != nil
    var encoded = encode(texts: [texts], areContinued: isLastContinued, threads: threads)[0][...]
    var result: [EncodedPart] = []
    for span in spans {
      let ids = span.id.map { [$0] } ?? encoded.removeFirst()
      if !ids.isEmpty { result.append(EncodedPart(ids: ids, isCounted: span.isCounted)) }
    }
    return result
  }

  /// Whether the token with `id` begins a word: where a text may be cut without cutting a word in two. `id` must be in
  /// the vocabulary.
  public func beginsWord(_ id: Int32) -> Bool { text(of: id).first?.isWhitespace == true }

  /// The ids of the parts of each text, without BOS and EOS; the last part may be continued, too.
  private func encode(
    texts: [[[UInt8]]], areContinued: Bool = false, threads: Int = ProcessInfo.processInfo.activeProcessorCount
  ) -> [[[Int32]]] {
    var batch = TextBatch()
    // Where the segments of each part end in the batch.
    var partEnds: [Int] = []
    for text in texts {
      var isFirst = true
      for (index, part) in text.enumerated() {
        var cutter = TextCutter(startsText: isFirst)
        let start = batch.bytes.count
        batch.bytes += part
        let end = cutter.addSegments(from: start, to: &batch, by: self)
        cutter.addRest(from: end, to: &batch, isContinued: areContinued || index < text.count - 1)
        partEnds.append(batch.ends.count)
        if !part.isEmpty { isFirst = false }
      }
    }
    let encoded = encode(batch, threads: threads)
    var (start, next) = (0, partEnds[...])
    return texts.map { text in
      text.map { _ in
        let segments = next.removeFirst()
        let end = segments == 0 ? 0 : encoded.ends[segments - 1]
        defer { start = end }
        return Array(encoded.ids[start..<end])
      }
    }
  }

  /// Cuts a template's text at the spellings of BOS and EOS.
  private func specialTokens(in text: String) -> [TemplateSpan] {
    let special = [bosID, eosID].compactMap { id in id.map { (id: $0, spelling: spelling(of: $0)) } }
    var (spans, rest) = ([TemplateSpan](), text[...])
    while !rest.isEmpty {
      let found = special.compactMap { token in rest.firstRange(of: token.spelling).map { (range: $0, id: token.id) } }
        .min { $0.range.lowerBound < $1.range.lowerBound }
      let end = found?.range.lowerBound ?? rest.endIndex
      if end > rest.startIndex { spans.append(.text(rest[..<end])) }
      if let found { spans.append(.special(found.id)) }
      rest = rest[(found?.range.upperBound ?? rest.endIndex)...]
    }
    return spans
  }
}

/// A part of a template's text.
private enum TemplateSpan {
  case text(Substring)
  case special(Int32)
}
