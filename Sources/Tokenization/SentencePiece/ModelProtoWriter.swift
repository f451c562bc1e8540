/// Writes a SentencePiece model: what `ModelProto` reads.
struct ModelProtoWriter {
  private(set) var bytes: [UInt8] = []

  /// Adds a piece, with a score that is finite.
  mutating func add(piece: some Collection<UInt8>, score: Float, kind: PieceKind) {
    let isNormal = kind == .normal
    add(tag: 1, wireType: 2)
    add(varint: 1 + Self.byteCount(ofVarint: piece.count) + piece.count + 5 + (isNormal ? 0 : 2))
    add(1, piece)
    add(tag: 2, wireType: 5)
    for byte in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: score.bitPattern >> UInt32(byte * 8))) }
    if !isNormal { add(3, Int(kind.rawValue)) }
  }

  /// Adds a field as another model has it.
  mutating func add(encoded field: ArraySlice<UInt8>) { bytes += field }

  /// Adds a trainer_spec that overrides the number of pieces and special ids, by the numbers of their fields, of one
  /// that is there already: a message that occurs twice is merged.
  mutating func addTrainer(size: Int, specialIDs: [Int: Int]) {
    var trainer = ModelProtoWriter()
    trainer.add(4, size)
    for (number, id) in specialIDs.sorted(by: { $0.key < $1.key }) { trainer.add(number, id) }
    add(2, trainer.bytes)
  }

  /// Adds what says how a model encodes: trainer_spec and normalizer_spec. Spaces become U+2581.
  mutating func addSpecs(
    of names: SpecialPieces, modelType: Int, size: Int, byteFallback: Bool, addsDummyPrefix: Bool,
    removesExtraWhitespace: Bool = false, charactersMap: [UInt8] = []
  ) {
    var trainer = ModelProtoWriter()
    trainer.add(3, modelType)
    trainer.add(4, size)
    trainer.add(35, byteFallback ? 1 : 0)
    for (number, name) in [(45, names.unknown), (46, names.bos), (47, names.eos), (48, names.pad)] {
      trainer.add(number, Array(name.utf8))
    }
    add(2, trainer.bytes)
    var normalizer = ModelProtoWriter()
    if charactersMap.isEmpty {
      normalizer.add(1, Array("identity".utf8))
    } else {
      normalizer.add(2, charactersMap)
    }
    normalizer.add(3, addsDummyPrefix ? 1 : 0)
    normalizer.add(4, removesExtraWhitespace ? 1 : 0)
    normalizer.add(5, 1)
    add(3, normalizer.bytes)
  }

  private mutating func add(_ number: Int, _ content: some Collection<UInt8>) {
    add(tag: number, wireType: 2)
    add(varint: content.count)
    bytes += content
  }

  private mutating func add(_ number: Int, _ value: Int) {
    add(tag: number, wireType: 0)
    add(varint: value)
  }

  private mutating func add(tag number: Int, wireType: Int) { add(varint: number << 3 | wireType) }

  /// How many bytes a number takes, 7 bits in each.
  private static func byteCount(ofVarint value: Int) -> Int {
    max(1, (Int.bitWidth - value.leadingZeroBitCount + 6) / 7)
  }

  private mutating func add(varint value: Int) {
    var rest = UInt(value)
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// The pieces that stand for what is no text.
struct SpecialPieces {
  var unknown = "<unk>"
  var bos = "<s>"
  var eos = "</s>"
  var pad = "<pad>"
}
