public import DurableFiles
public import Foundation

/// A SentencePiece tokenizer: a `tokenizer.model` as Llama's, or one of ours, made by `TokenizerTrainer`.
///
/// Text becomes what libsentencepiece makes of it. A *lossless* tokenizer (see `isLossless`) goes one step further: it
/// gives back every text unchanged, `decode(encode(text)) == text`.
///
/// One tokenizer may be used from many threads.
public final class SentencePieceTokenizer: Tokenizer {
  /// The content of a `tokenizer.model` file.
  public let serialized: [UInt8]
  /// SHA-256 of pieces, scores, kinds, special ids and normaliser.
  public let digest: TokenizerDigest
  public let bosID: Int32?
  public let eosID: Int32?
  public let padID: Int32?
  public let unknownID: Int32?
  /// Whether decoding gives back every text unchanged: bytes stand in for what the vocabulary lacks, and nothing is
  /// normalised or put in front. (In such a tokenizer U+2581, which SentencePiece cannot tell from a space, is
  /// encoded as its three bytes. That is the one difference from libsentencepiece.)
  public let isLossless: Bool

  /// What stood beside the file and belongs to it; empty where it stood alone.
  let filesBeside: [NamedFile]
  /// What is said in the files that are made where nothing stood beside the file.
  let own: OwnFiles
  /// Whether a space is put in front of text where the file says so.
  let allowsDummyPrefix: Bool
  let proto: ModelProto
  let segmenter: Segmenter
  let processor: SentencePieceProcessor
  let encoder: BatchEncoder

  /// Loads a `tokenizer.model` file.
  /// - Parameters:
  ///   - file: where it is.
  ///   - filesBeside: Hugging Face's files that belong to it and are written with it; none by default, and then some
  ///     are made.
  ///   - allowsDummyPrefix: whether a space is put in front of text where the file says so; true by default.
  /// - Throws: `file`, also for a pointer of git-lfs; `corruptTokenizer` or `unsupportedTokenizer`.
  public convenience init(
    contentsOf file: URL, filesBeside: [NamedFile] = [], allowsDummyPrefix: Bool = true
  ) throws(TokenizationError) {
    let mapped = try TokenizationError.wrapping { () throws(FileError) in
      let mapped = try MappedFile(contentsOf: file)
      try mapped.requireNoPointer()
      return mapped
    }
    try self.init(
      serialized: mapped.withBytes { $0.withUnsafeBytes { Array($0) } }, name: file.path, filesBeside: filesBeside,
      allowsDummyPrefix: allowsDummyPrefix)
  }

  /// Loads the content of a `tokenizer.model` file; errors call it `name`. Throws `corruptTokenizer` or
  /// `unsupportedTokenizer`.
  public convenience init(
    serialized: [UInt8], name: String = "tokenizer.model", filesBeside: [NamedFile] = [],
    allowsDummyPrefix: Bool = true
  ) throws(TokenizationError) {
    try self.init(
      serialized: serialized, name: name, filesBeside: filesBeside, allowsDummyPrefix: allowsDummyPrefix,
      distinguishesSymbol: true)
  }

  /// As above; `own` is what is said in the files that are made where nothing stood beside the file;
  /// `distinguishesSymbol` says whether U+2581 in text is told from a space where that is possible.
  init(
    serialized: [UInt8], name: String, filesBeside: [NamedFile] = [], allowsDummyPrefix: Bool = true,
    own: OwnFiles = OwnFiles(), distinguishesSymbol: Bool
  ) throws(TokenizationError) {
    (self.filesBeside, self.own, self.allowsDummyPrefix) = (filesBeside, own, allowsDummyPrefix)
    let (inner, spaced): (SentencePieceProcessor, SentencePieceProcessor?)
    do {
      let whole = try ModelProto(serialized: serialized)
      let normalizer = whole.normalizer
      let dropsPrefix = normalizer.addsDummyPrefix && !allowsDummyPrefix
      let content =
        dropsPrefix
        ? try whole.serialized(addsDummyPrefix: false, removesExtraWhitespace: normalizer.removesExtraWhitespace)
        : serialized
      proto = dropsPrefix ? try ModelProto(serialized: content) : whole
      processor = try SentencePieceProcessor(serialized: content)
      (inner, spaced) = try Self.continuing(proto, processor)
    } catch {
      throw TokenizationError(error, file: name)
    }
    self.serialized = serialized
    let proto = proto
    func id(_ piece: String) -> Int32? { proto.pieces.place(of: piece.utf8).map { Int32($0) } }
    func special(_ piece: String, _ kind: PieceKind) -> Int32? {
      id(piece).flatMap { proto.kinds[Int($0)] == kind ? $0 : nil }
    }
    bosID = special(proto.bosPiece, .control)
    eosID = special(proto.eosPiece, .control)
    padID = special(proto.padPiece, .control)
    unknownID = special(proto.unknownPiece, .unknown)
    let normalizer = proto.normalizer
    isLossless =
      distinguishesSymbol && proto.byteFallback && normalizer.charactersMap.isEmpty && !normalizer.addsDummyPrefix
      && !normalizer.removesExtraWhitespace && normalizer.escapesWhitespace
    let symbolBytes = ["<0xE2>", "<0x96>", "<0x81>"].compactMap(id)
    let space = id("\u{2581}").map { [$0] } ?? (symbolBytes.isEmpty ? [proto.unknownIndex] : symbolBytes)
    let edges = EdgeSpaces(proto)
    encoder = BatchEncoder(
      start: processor, inner: inner, spaced: spaced.map { .init(processor: $0, edges: edges, ids: space) },
      unigram: UnigramEncoder(proto), literalSpace: isLossless ? symbolBytes : nil)
    segmenter = Segmenter(proto, edges)
    digest = TokenizerDigest(proto, specialIDs: [unknownID, bosID, eosID, padID])
  }

  /// What encodes text that goes on from other text, and what does where it begins with a space that the model would
  /// remove; nil where it removes none.
  private static func continuing(
    _ proto: ModelProto, _ processor: SentencePieceProcessor
  ) throws(ModelProto.Refusal) -> (inner: SentencePieceProcessor, spaced: SentencePieceProcessor?) {
    let (adds, removes) = (proto.normalizer.addsDummyPrefix, proto.normalizer.removesExtraWhitespace)
    let inner =
      try adds
      ? SentencePieceProcessor(
        serialized: proto.serialized(addsDummyPrefix: false, removesExtraWhitespace: removes))
      : processor
    guard removes else { return (inner, nil) }
    if proto.whitespaceIsSuffix {
      // The dummy prefix is a suffix here.
      let plain = try proto.serialized(addsDummyPrefix: false, removesExtraWhitespace: false)
      return (inner, try SentencePieceProcessor(serialized: plain))
    }
    guard !adds else { return (inner, processor) }
    let spaced = try proto.serialized(addsDummyPrefix: true, removesExtraWhitespace: true)
    return (inner, try SentencePieceProcessor(serialized: spaced))
  }

  /// The number of pieces, V; ids are `0..<V`.
  public var vocabularySize: Int { proto.pieces.count }

  /// The piece with `id`, in which U+2581 stands for a space. `id` must be in the vocabulary.
  public func spelling(of id: Int32) -> String {
    String(decoding: proto.pieces.bytes(at: checked(id)), as: UTF8.self)
  }

  public func text(of id: Int32) -> String { spelling(of: id).replacing("\u{2581}", with: " ") }

  /// The score of the piece with `id`: log-probability in a unigram model, minus the rank in BPE. `id` must be in the
  /// vocabulary.
  public func score(_ id: Int32) -> Float { proto.scores[checked(id)] }

  /// What the piece with `id` stands for. `id` must be in the vocabulary.
  public func kind(_ id: Int32) -> PieceKind { proto.kinds[checked(id)] }

  /// The id of `piece`, in which U+2581 stands for a space; `nil` if the vocabulary does not have it.
  public func id(ofPiece piece: String) -> Int32? { id(spelled: Array(piece.utf8)) }

  public func id(spelled spelling: [UInt8]) -> Int32? { proto.pieces.place(of: spelling).map { Int32($0) } }

  public func details(of id: Int32) -> [TokenizerFact] {
    [TokenizerFact("kind", "\(kind(id))"), TokenizerFact("score", "\(score(id))")]
  }

  public var settings: [TokenizerFact] { proto.settings }

  /// `tokenizer.model` and Hugging Face's files: those that it was loaded with, else some with which transformers has
  /// the same ids.
  public var files: [NamedFile] {
    [NamedFile(name: TokenizerFormat.sentencePiece.fileNames[0], contents: Data(serialized))]
      + (filesBeside.isEmpty ? huggingFaceFiles : filesBeside)
  }

  private func checked(_ id: Int32) -> Int {
    precondition(id >= 0 && id < vocabularySize, "id \(id) outside the vocabulary of \(vocabularySize) pieces")
    return Int(id)
  }
}

extension TokenizationError {
  init(_ refusal: ModelProto.Refusal, file: String) {
    switch refusal {
    case .corrupt(let reason):
      self = .corruptTokenizer(file: file, format: TokenizerFormat.sentencePiece.name, reason: reason)
    case .unsupported(let reason):
      self = .unsupportedTokenizer(file: file, format: TokenizerFormat.sentencePiece.name, reason: reason)
    }
  }
}
