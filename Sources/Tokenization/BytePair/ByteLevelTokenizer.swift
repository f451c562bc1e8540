public import DurableFiles
import Foundation

/// A byte-level BPE tokenizer, as GPT-2's, Llama 3's, Qwen's and DeepSeek's models have it, from a `tokenizer.json`.
///
/// Text becomes the ids that huggingface/tokenizers (0.23) makes of it. It is cut into parts (`PreTokenizer`), and in
/// each of them bytes are merged to tokens. What is no UTF-8 does not come this far; nothing is unknown but in
/// vocabularies that lack bytes.
///
/// One tokenizer may be used from many threads.
public final class ByteLevelTokenizer: Tokenizer {
  public let bosID: Int32?
  /// None: the files beside `tokenizer.json` say it.
  public var eosID: Int32? { nil }
  /// None: the files beside `tokenizer.json` say it.
  public var padID: Int32? { nil }
  public let unknownID: Int32?
  public let digest: TokenizerDigest
  public let isLossless: Bool
  /// Those that it was loaded with.
  public let files: [NamedFile]

  let preTokenizer: PreTokenizer
  let vocabulary: TokenizerVocabulary
  let model: BytePairModel
  private let encoder: BytePairEncoder
  /// Whether text is normalised to form C first.
  let normalizes: Bool

  /// The tokenizer of a file; `files` are what is written of it. Throws `value` where the file asks for what is not
  /// known, or cannot be.
  init(_ file: TokenizerJSON, files: [NamedFile]) throws(TokenizationError) {
    let options = try ByteLevelOptions(file)
    vocabulary = file.vocabulary
    preTokenizer = options.preTokenizer
    normalizes = options.normalizes
    model = BytePairModel(
      file.vocabulary, file.merges ?? [], unknownID: options.unknownID, fusesUnknown: options.fusesUnknown,
      ignoresMerges: options.ignoresMerges)
    encoder = BytePairEncoder(model, preTokenizer, normalizes: normalizes)
    bosID = options.bosID
    unknownID = options.unknownID
    self.files = files
    isLossless = !normalizes && !preTokenizer.addsPrefixSpace && model.missingBytes.isEmpty
    digest = TokenizerDigest(file, options)
  }

  public var vocabularySize: Int { vocabulary.idEnd }

  public func spelling(of id: Int32) -> String {
    String(decoding: vocabulary.bytes(of: checked(id)) ?? [], as: UTF8.self)
  }

  public func id(spelled spelling: [UInt8]) -> Int32? { vocabulary.id(of: spelling) }

  public func text(of id: Int32) -> String { String(decoding: model.bytes(of: checked(id)), as: UTF8.self) }

  /// The kind, and of what is merged the rank of its merge, from 0.
  public func details(of id: Int32) -> [TokenizerFact] {
    let rank = model.ranks[Int(checked(id))]
    let kind =
      rank >= 0 ? "merged" : model.byteIDs.contains(id) ? "byte" : vocabulary.bytes(of: id) == nil ? "none" : "whole"
    return [TokenizerFact("kind", kind), TokenizerFact("rank", rank < 0 ? "none" : "\(rank)")]
  }

  public var settings: [TokenizerFact] {
    [
      TokenizerFact("pre_tokenizer", preTokenizer.name),
      TokenizerFact("add_prefix_space", "\(preTokenizer.addsPrefixSpace)"),
      TokenizerFact("normalizer", normalizes ? "NFC" : "none"),
      TokenizerFact("ignore_merges", "\(model.ignoresMerges)"),
      TokenizerFact("fuse_unk", "\(model.fusesUnknown)"),
      TokenizerFact("bytes_without_token", "\(model.missingBytes.count)"),
    ]
  }

  public func encode(_ batch: TextBatch, threads: Int) -> EncodedBatch {
    // Below that, starting a thread costs more than it saves.
    encoder.encode(batch, threads: batch.bytes.count < 1 << 16 ? 1 : threads)
  }

  public func moveToCut(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool {
    preTokenizer.moveToCut(&place, in: text)
  }

  public func makeDecoder(repairsUTF8: Bool) -> any TokenDecoder { ByteDecoder(model, repairsUTF8: repairsUTF8) }

  private func checked(_ id: Int32) -> Int32 {
    precondition(id >= 0 && id < vocabularySize, "id \(id) outside the vocabulary of \(vocabularySize) tokens")
    return id
  }
}

extension ByteLevelTokenizer: AddedTokenRules {
  /// huggingface/tokenizers puts a space in front of each text between added tokens.
  var restartsTextAfterAddedTokens: Bool { true }

  func normalized(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    normalizes ? text.withUnsafeBufferPointer { CanonicalComposition.nfc.normalized($0) } : nil
  }
}

extension BytePairModel {
  /// The bytes of UTF-8 that no token stands for.
  var missingBytes: [UInt8] { Self.missingBytes(byteIDs) }

  /// Whether bytes of UTF-8 have no token in a vocabulary.
  static func hasMissingBytes(_ vocabulary: TokenizerVocabulary) -> Bool { !missingBytes(byteIDs(vocabulary)).isEmpty }

  private static func missingBytes(_ byteIDs: [Int32]) -> [UInt8] {
    (UInt8.min...UInt8.max).filter { byteIDs[Int($0)] < 0 && ($0 < 0xC0 || (0xC2...0xF4).contains($0)) }
  }
}

/// The bytes of each token, one after another.
private struct ByteDecoder: TokenDecoder {
  private let model: BytePairModel
  /// Puts characters together; nil where bytes are to stay as they are.
  private var assembler: UTF8Assembler?

  init(_ model: BytePairModel, repairsUTF8: Bool) {
    self.model = model
    assembler = repairsUTF8 ? UTF8Assembler(replacement: .ofSubparts) : nil
  }

  mutating func append(_ id: Int32, to bytes: inout [UInt8]) {
    guard id >= 0, id < model.byteEnds.count else { return }
    guard assembler != nil else {
      bytes += model.bytes(of: id)
      return
    }
    for byte in model.bytes(of: id) { assembler?.append(byte, to: &bytes) }
  }

  mutating func finish(to bytes: inout [UInt8]) { assembler?.finish(to: &bytes) }
}

extension TokenizerDigest {
  /// Of all that turns text into ids, but for added tokens.
  fileprivate init(_ file: TokenizerJSON, _ options: ByteLevelOptions) {
    var content: [UInt8] = []
    func add(_ number: Int) { withUnsafeBytes(of: Int64(number).littleEndian) { content.append(contentsOf: $0) } }
    func add(_ bytes: some Collection<UInt8>) {
      add(bytes.count)
      content.append(contentsOf: bytes)
    }
    add("Limbeck byte-level BPE digest 1".utf8)
    add(file.vocabulary.idEnd)
    for id in 0..<Int32(file.vocabulary.idEnd) {
      let piece = file.vocabulary.bytes(of: id)
      add(piece == nil ? 0 : 1)
      add(piece ?? [])
    }
    add(file.merges?.count ?? 0)
    for merge in file.merges ?? [] { for id in [merge.left, merge.right] { add(Int(id)) } }
    add(options.preTokenizer.json.text().utf8)
    for flag in [
      options.preTokenizer.addsPrefixSpace, options.normalizes, options.ignoresMerges, options.fusesUnknown,
    ] { add(flag ? 1 : 0) }
    for id in [options.bosID, options.unknownID] { add(Int(id ?? -1)) }
    self.init(hexadecimal: Digest.sha256(of: content))
  }
}
