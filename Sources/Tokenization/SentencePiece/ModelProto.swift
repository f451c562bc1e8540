import DurableFiles

/// What a serialized SentencePiece model says of itself: the parts of sentencepiece_model.proto that libsentencepiece's
/// interface does not show. Reading it also refuses models that libsentencepiece would crash on later.
struct ModelProto {
  /// Why a model cannot be used.
  enum Refusal: Error {
    case corrupt(String)
    case unsupported(String)
  }

  struct Normalizer: Equatable {
    var charactersMap: [UInt8] = []
    var addsDummyPrefix = true
    var removesExtraWhitespace = true
    var escapesWhitespace = true
  }

  /// The most bytes of a piece that stands for text: the trainer makes none of more than 512 characters
  /// (`max_sentencepiece_length` in trainer_interface.cc). What looks for the halves of a piece, at each character,
  /// takes time as the square of its length.
  static let longestPiece = 512 * 4

  /// The pieces by id, each of them once.
  private(set) var pieces = PieceTable()
  private(set) var scores: [Float] = []
  private(set) var kinds: [PieceKind] = []
  private(set) var normalizer = Normalizer()
  /// 1 unigram, 2 BPE, 3 words, 4 characters.
  private(set) var modelType: UInt64 = 1
  private(set) var byteFallback = false
  private(set) var whitespaceIsSuffix = false
  private(set) var unknownPiece = "<unk>"
  private(set) var bosPiece = "<s>"
  private(set) var eosPiece = "</s>"
  private(set) var padPiece = "<pad>"
  /// What the unknown piece decodes to.
  private(set) var unknownSurface = " \u{2047} "
  /// The id of the piece that stands for everything the vocabulary lacks, which libsentencepiece demands.
  private(set) var unknownIndex: Int32 = 0
  /// What the normaliser makes of characters.
  private(set) var charactersMap = CharactersMap()
  private let content: [UInt8]

  /// The same model with other rules for spaces, serialized: what encodes a text that goes on from another one. (A
  /// message that occurs twice is merged, so the appended normalizer_spec overrides these keys. The self test is left
  /// out, because its samples follow the model's own rules.)
  func serialized(addsDummyPrefix: Bool, removesExtraWhitespace: Bool) throws(Refusal) -> [UInt8] {
    var (reader, result) = (ProtobufReader(content[...]), [UInt8]())
    while let field = try reader.next() {
      if field.number != 4 { result += field.encoded }
    }
    return result + [0x1A, 0x04, 0x18, addsDummyPrefix ? 1 : 0, 0x20, removesExtraWhitespace ? 1 : 0]
  }

  init(serialized: [UInt8]) throws(Refusal) {
    guard !serialized.isEmpty else { throw .corrupt("it is empty") }
    guard !serialized.starts(with: "{".utf8) else { throw .corrupt("it is JSON, as a tokenizer.json is") }
    content = serialized
    var (pieceBytes, pieceEnds) = ([UInt8](), [Int]())
    pieceBytes.reserveCapacity(serialized.count)
    var hasTrainer = false
    var hasNormalizer = false
    var denormalizer = Normalizer()
    var reader = ProtobufReader(serialized[...])
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (1, .bytes(let bytes)):
        pieceBytes += try readPiece(bytes)
        pieceEnds.append(pieceBytes.count)
      case (2, .bytes(let bytes)):
        try readTrainer(bytes)
        hasTrainer = true
      case (3, .bytes(let bytes)):
        try normalizer.read(bytes)
        hasNormalizer = true
      case (5, .bytes(let bytes)):
        try denormalizer.read(bytes)
      default:
        guard field.number > 5 else { throw .corrupt("field \(field.number) is of the wrong type") }
      }
    }
    guard !pieceEnds.isEmpty else { throw .corrupt("it has no pieces") }
    do { pieces = try PieceTable(bytes: pieceBytes, ends: pieceEnds) } catch {
      throw .corrupt("two of its pieces are the same, those with the ids \(error.first) and \(error.second)")
    }
    guard let unknown = kinds.firstIndex(of: .unknown) else { throw .corrupt("it has no unknown piece") }
    unknownIndex = Int32(unknown)
    guard hasTrainer, hasNormalizer else {
      throw .corrupt("trainer_spec or normalizer_spec is missing: is the file truncated?")
    }
    guard (1...4).contains(modelType) else { throw .corrupt("unknown model type \(modelType)") }
    try requireEncodable()
    guard denormalizer.charactersMap.isEmpty else {
      throw .unsupported("it changes text while decoding (denormalizer_spec)")
    }
    do { charactersMap = try CharactersMap(checking: normalizer.charactersMap) } catch {
      throw .corrupt("precompiled_charsmap: \(error.text)")
    }
  }

  /// Reads score and kind of a piece, and returns its text.
  private mutating func readPiece(_ bytes: ArraySlice<UInt8>) throws(Refusal) -> ArraySlice<UInt8> {
    let id = kinds.count
    var piece: ArraySlice<UInt8> = []
    var score: Float = 0
    var kind = PieceKind.normal
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (1, .bytes(let text)): piece = text
      case (2, .fixed32(let bits)): score = Float(bitPattern: bits)
      case (3, .varint(let code)):
        guard let known = PieceKind(rawValue: UInt8(clamping: code)) else {
          throw .corrupt("piece \(id) is of unknown type \(code)")
        }
        kind = known
      default:
        guard field.number > 3 else { throw .corrupt("piece \(id): field \(field.number) is of the wrong type") }
      }
    }
    guard !piece.isEmpty else { throw .corrupt("piece \(id) is empty") }
    var validator = UTF8Validator()
    guard validator.firstInvalid(in: piece.span.bytes) == nil, !validator.isInsideCharacter else {
      throw .corrupt("piece \(id) is not UTF-8")
    }
    // libsentencepiece keeps pieces as C strings in its search tree, and sums scores.
    guard !piece.contains(0) else { throw .corrupt("piece \(id) contains a NUL character") }
    guard score.isFinite else { throw .corrupt("piece \(id) has the score \(score)") }
    guard kind != .normal || piece.count <= Self.longestPiece else {
      throw .unsupported(
        "piece \(id) has \(piece.count) bytes, more than \(Self.longestPiece), the most that SentencePiece's trainer "
          + "makes")
    }
    scores.append(score)
    kinds.append(kind)
    return piece
  }

  /// Checks that libsentencepiece can encode every text. It takes a control piece that it finds among the symbols of a
  /// text for no part of the text, and then gives up ("all normalized characters are not consumed", 0.1.97; later
  /// versions take it for unknown). Symbols are single characters and what is merged from pieces of text; in a model of
  /// words, whole words.
  private func requireEncodable() throws(Refusal) {
    guard kinds.contains(where: { $0 == .normal || $0 == .userDefined || $0 == .byte }) else {
      throw .corrupt("none of its pieces stands for text")
    }
    guard modelType > 1 else { return }
    for (id, kind) in kinds.enumerated() where kind == .control {
      let piece = pieces.bytes(at: id)
      guard modelType == 3 || !piece.dropFirst().contains(where: { $0 & 0xC0 != 0x80 }) else { continue }
      throw .unsupported(
        "piece \(id), \(JSONValue.quoted(String(decoding: piece, as: UTF8.self))), is a control piece that may stand "
          + "in text, which libsentencepiece then cannot encode")
    }
  }

  private mutating func readTrainer(_ bytes: ArraySlice<UInt8>) throws(Refusal) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (3, .varint(let value)): modelType = value
      case (24, .varint(let value)): whitespaceIsSuffix = value != 0
      case (35, .varint(let value)): byteFallback = value != 0
      case (44, .bytes(let text)): unknownSurface = try string(text, "unk_surface")
      case (45, .bytes(let text)): unknownPiece = try string(text, "unk_piece")
      case (46, .bytes(let text)): bosPiece = try string(text, "bos_piece")
      case (47, .bytes(let text)): eosPiece = try string(text, "eos_piece")
      case (48, .bytes(let text)): padPiece = try string(text, "pad_piece")
      default: break
      }
    }
  }

  private func string(_ bytes: ArraySlice<UInt8>, _ name: String) throws(Refusal) -> String {
    guard let string = String(validating: bytes, as: UTF8.self) else { throw .corrupt("\(name) is not UTF-8") }
    return string
  }
}

extension ModelProto.Normalizer {
  fileprivate mutating func read(_ bytes: ArraySlice<UInt8>) throws(ModelProto.Refusal) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (2, .bytes(let map)): charactersMap = Array(map)
      case (3, .varint(let value)): addsDummyPrefix = value != 0
      case (4, .varint(let value)): removesExtraWhitespace = value != 0
      case (5, .varint(let value)): escapesWhitespace = value != 0
      default: break
      }
    }
  }
}
