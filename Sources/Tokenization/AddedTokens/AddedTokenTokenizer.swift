import DurableFiles
import Foundation

/// A tokenizer with added tokens: text is split at them first, and what is left goes to the tokenizer within.
struct AddedTokenTokenizer: Tokenizer {
  let base: any Tokenizer
  /// By id; those that stand for a token of the tokenizer within are not among them.
  let added: [Int32: AddedToken]
  private let matcher: AddedTokenMatcher
  let matched: [AddedToken]
  /// Whether text that follows an added token is taken for the beginning of one.
  let restartsText: TextRestart
  let vocabularySize: Int
  let bosID: Int32?
  let eosID: Int32?
  let padID: Int32?
  let unknownID: Int32?

  /// - Parameters:
  ///   - base: what turns all other text into ids.
  ///   - tokens: the added tokens, each with an id of its own; some may be tokens of `base`, by id and spelling.
  ///   - matched: those of them that are looked for in text.
  ///   - specialIDs: what begins and ends texts, and so on.
  ///   - restartsText: whether text that follows an added token is encoded as the beginning of one.
  init(
    _ base: any Tokenizer, tokens: [AddedToken], matched: [AddedToken], specialIDs: SpecialIDs,
    restartsText: TextRestart
  ) {
    self.base = base
    let size = Int32(base.vocabularySize)
    added = Dictionary(
      tokens.filter { $0.id >= size || !$0.isSpelled(base.spelling(of: $0.id)) }.map { ($0.id, $0) },
      uniquingKeysWith: { first, _ in first })
    self.matched = matched
    matcher = AddedTokenMatcher(
      matched, normalizer: base as? any AddedTokenRules, restartsText: restartsText != .never)
    self.restartsText = restartsText
    vocabularySize = Int(max(size, (added.keys.max() ?? 0) + 1))
    (bosID, eosID, padID, unknownID) = (specialIDs.bos, specialIDs.eos, specialIDs.pad, specialIDs.unknown)
  }

  func spelling(of id: Int32) -> String {
    added[id]?.content ?? (id < base.vocabularySize ? base.spelling(of: id) : "")
  }

  func text(of id: Int32) -> String {
    added[id]?.content ?? (id < base.vocabularySize ? base.text(of: id) : "")
  }

  func details(of id: Int32) -> [TokenizerFact] {
    if added[id] == nil, id < base.vocabularySize { return base.details(of: id) }
    let kind = added[id].map { $0.isSpecial ? "added, special" : "added" } ?? "none"
    return base.details(of: 0).map { TokenizerFact($0.name, $0.name == "kind" ? kind : "none") }
  }

  var settings: [TokenizerFact] {
    let tokens = matched.map(\.description).sorted().joined(separator: " ")
    if matched.isEmpty { return base.settings }
    return base.settings + [
      TokenizerFact("added_tokens", tokens), TokenizerFact("added_tokens_restart_text", restartName),
    ]
  }

  /// Special tokens are decoded to nothing, and spaces beside others may be lost.
  var isLossless: Bool {
    base.isLossless
      && matched.allSatisfy { !$0.isSpecial && !$0.stripsLeft && !$0.stripsRight && added[$0.id] != nil }
  }

  func keepsWhole(_ id: Int32) -> Bool { added[id] != nil || (id < base.vocabularySize && base.keepsWhole(id)) }

  func encode(_ batch: TextBatch, threads: Int) -> EncodedBatch {
    guard !matched.isEmpty else { return base.encode(batch, threads: threads) }
    var found: [[AddedTokenMatcher.Part]] = []
    var (start, hasTokens) = (0, false)
    for (end, startsText) in zip(batch.ends, batch.startsText) {
      let parts = matcher.parts(of: start..<end, in: batch.bytes, startsText: startsText)
      if parts.count > 1 || parts.contains(where: { if case .token = $0 { true } else { false } }) { hasTokens = true }
      found.append(parts)
      start = end
    }
    guard hasTokens else { return base.encode(batch, threads: threads) }
    var inner = TextBatch()
    // of each text, its added tokens and the places of its other parts in `inner`
    var parts: [[Part]] = []
    for (index, (found, startsText)) in zip(found, batch.startsText).enumerated() {
      var isAfterToken = false
      var list: [Part] = []
      func add(_ text: some Collection<UInt8>, hasBeginning: Bool = false) {
        list.append(.text(inner.ends.count))
        inner.startsText.append(
          !hasBeginning && (isAfterToken ? restarts(at: text.first) : startsText))
        inner.bytes += text
        inner.ends.append(inner.bytes.count)
        // what follows is another part, unless this is the last one of a text that ends
        inner.continued.insert(inner.ends.count - 1)
      }
      for part in found {
        switch part {
        case .token(let id):
          list.append(.token(id))
          isAfterToken = true
        case .text(let range): add(batch.bytes[range])
        case .normalized(let text): add(text, hasBeginning: matcher.normalizesBeginnings)
        }
      }
      if case .text(let last) = list.last, batch.endsText(at: index) { inner.continued.remove(last) }
      parts.append(list)
    }
    let encoded = base.encode(inner, threads: threads)
    var result = EncodedBatch()
    for list in parts {
      for part in list {
        switch part {
        case .token(let id): result.ids.append(id)
        case .text(let place):
          result.ids += encoded.ids[(place == 0 ? 0 : encoded.ends[place - 1])..<encoded.ends[place]]
        }
      }
      result.ends.append(result.ids.count)
    }
    return result
  }

  /// Whether what begins with this byte after an added token is encoded as the beginning of a text.
  private func restarts(at byte: UInt8?) -> Bool {
    switch restartsText {
    case .never: false
    case .unlessAtSpace: byte != UInt8(ascii: " ")
    case .always: true
    }
  }

  /// As facts and the digest have it; where the tokenizer within has rules, there is nothing between never and always.
  private var restartName: String {
    restartsText == .always && !(base is any AddedTokenRules) ? "always" : "\(restartsText != .never)"
  }

  private enum Part {
    case token(Int32)
    case text(Int)
  }

  func moveToCut(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool {
    while base.moveToCut(&place, in: text) {
      if matcher.isSafeCut(place, in: text) { return true }
      place += 1
    }
    return false
  }

  func makeDecoder(repairsUTF8: Bool) -> any TokenDecoder {
    let skipped = Set((matched + added.values).filter(\.isSpecial).map(\.id))
    let spaced = matcher.normalizesBeginnings ? Set(matched.filter(\.isNormalized).map(\.id)) : []
    return AddedTokenDecoder(
      base: base.makeDecoder(repairsUTF8: repairsUTF8), added: added, skipped: skipped, spaced: spaced)
  }

  /// The id that fills up batches, where it does nothing else.
  private var addedPadID: Int32? { padID.flatMap { $0 < base.vocabularySize ? base.padID : $0 } }

  /// SHA-256 of the digest within and of all that is added to it; the former where that is nothing but what else a
  /// token is for.
  var digest: TokenizerDigest {
    let own = [base.bosID, base.eosID, base.padID, base.unknownID]
    if matched.isEmpty, added.isEmpty, own == [bosID, eosID, addedPadID, unknownID] { return base.digest }
    var content = "Limbeck added tokens 1\n\(base.digest)\n\(restartName)\n"
    for id in [bosID, eosID, addedPadID, unknownID] { content += "\(id ?? -1)\n" }
    let looked = Set(matched)
    for token in (Array(added.values) + matched.filter { added[$0.id] == nil }).sorted(by: { $0.id < $1.id }) {
      let flags = [
        token.isSpecial, token.stripsLeft, token.stripsRight, token.isNormalized, token.isSingleWord,
        looked.contains(token),
      ]
      content += "\(token.id) \(flags) \(token.content.utf8.count) \(token.content)\n"
    }
    return TokenizerDigest(hexadecimal: Digest.sha256(of: Data(content.utf8)))
  }

  /// Those of the tokenizer within, which has the files that the added tokens come from among them.
  var files: [NamedFile] { base.files }
}

/// Whether text that follows an added token is encoded as the beginning of a text.
enum TextRestart: Sendable {
  case never
  /// Unless it begins with a space.
  case unlessAtSpace
  case always
}

/// The ids with a meaning of their own, nil where there is none.
struct SpecialIDs: Hashable, Sendable {
  var bos: Int32?
  var eos: Int32?
  var pad: Int32?
  var unknown: Int32?

  /// All but that which fills up batches.
  var ignoringPad: SpecialIDs { SpecialIDs(bos: bos, eos: eos, unknown: unknown) }
}

/// Special tokens are skipped, as `decode(skip_special_tokens=True)` in transformers does; other added ones are text.
private struct AddedTokenDecoder: TokenDecoder {
  var base: any TokenDecoder
  let added: [Int32: AddedToken]
  let skipped: Set<Int32>
  /// Those that were found with a space in front of them, which is taken off at the beginning of a text.
  let spaced: Set<Int32>
  private var isAtStart = true

  init(base: any TokenDecoder, added: [Int32: AddedToken], skipped: Set<Int32>, spaced: Set<Int32>) {
    (self.base, self.added, self.skipped, self.spaced) = (base, added, skipped, spaced)
  }

  mutating func append(_ id: Int32, to bytes: inout [UInt8]) {
    if skipped.contains(id) { return }
    defer { isAtStart = false }
    guard let token = added[id] else { return base.append(id, to: &bytes) }
    let space = spaced.contains(id) && !isAtStart ? " " : ""
    base.append(text: Array((space + token.content).utf8), to: &bytes)
  }

  mutating func append(text: [UInt8], to bytes: inout [UInt8]) { base.append(text: text, to: &bytes) }

  mutating func finish(to bytes: inout [UInt8]) { base.finish(to: &bytes) }
}
