import DurableFiles
import Foundation

/// The pieces of a vocabulary, by id and by their bytes (UTF-8). No two pieces are the same, and no two have the same
/// id; there may be ids without a piece.
struct TokenizerVocabulary: Sendable {
  /// Ids from here on are surely damage: no vocabulary is so large.
  static let idLimit = 1 << 24

  /// The id of each piece, in the file's order.
  let ids: [Int32]
  /// The score of each piece, in the file's order, where the model is a unigram's; else nil.
  let scores: [Double]?
  /// One more than the highest id; 0 for an empty vocabulary.
  let idEnd: Int
  /// The place of each id in the file's order, -1 where it has none.
  private let places: [Int32]
  private let table: PieceTable

  /// The number of pieces.
  var count: Int { ids.count }

  /// Reads `{"piece": id, …}` or, as unigram models have it, `[["piece", score], …]`, whose ids count from 0. Throws
  /// `file` for damage, and `value` for a piece or an id that occurs twice, and an id that cannot be.
  init(_ reader: JSONByteReader) throws(TokenizationError) {
    var reader = reader
    let file = reader.file
    var (table, ids, scores) = (PieceTable(), [Int32](), [Double]())
    func add(_ piece: [UInt8], _ id: Int32, to table: inout PieceTable) throws(TokenizationError) {
      guard table.insert(piece) else {
        throw TokenizerJSON.invalid(
          file, "model.vocab", expected: "each piece once", found: "\(Self.quoted(piece)) twice")
      }
      ids.append(id)
    }
    let isList = reader.take(UInt8(ascii: "["))
    if !isList { try reader.require(UInt8(ascii: "{")) }
    let closing = UInt8(ascii: isList ? "]" : "}")
    if !reader.take(closing) {
      repeat {
        if isList {
          try reader.require(UInt8(ascii: "["))
          let piece = try reader.string()
          try reader.require(UInt8(ascii: ","))
          let text = try reader.number()
          guard let score = Double(text), score.isFinite else {
            throw TokenizerJSON.invalid(
              file, "model.vocab", expected: "a score for \(Self.quoted(piece))", found: text)
          }
          try reader.require(UInt8(ascii: "]"))
          try add(piece, Int32(clamping: ids.count), to: &table)
          scores.append(score)
        } else {
          let piece = try reader.string()
          try reader.require(UInt8(ascii: ":"))
          let text = try reader.number()
          guard let id = Int(text), (0..<Self.idLimit).contains(id) else {
            throw TokenizerJSON.invalid(
              file, "model.vocab",
              expected: "an id from 0 to \(Self.idLimit - 1) for \(Self.quoted(piece))", found: text)
          }
          try add(piece, Int32(id), to: &table)
        }
      } while reader.take(UInt8(ascii: ","))
      try reader.require(closing)
    }
    idEnd = Int(ids.max() ?? -1) + 1
    var places = [Int32](repeating: -1, count: idEnd)
    for (place, id) in ids.enumerated() {
      guard places[Int(id)] < 0 else {
        let pieces = [Int(places[Int(id)]), place].map { Self.quoted(table.bytes(at: $0)) }
        throw TokenizerJSON.invalid(
          file, "model.vocab", expected: "each id once",
          found: "id \(id) for \(pieces[0]) and for \(pieces[1])")
      }
      places[Int(id)] = Int32(place)
    }
    (self.table, self.ids, self.places, self.scores) = (table, ids, places, isList ? scores : nil)
  }

  /// The bytes of the piece with `id`, which may be any; nil where there is none.
  func bytes(of id: Int32) -> ArraySlice<UInt8>? {
    guard id >= 0, id < idEnd, places[Int(id)] >= 0 else { return nil }
    return table.bytes(at: Int(places[Int(id)]))
  }

  /// The piece at a place in the file's order, in `0..<count`.
  func bytes(at place: Int) -> ArraySlice<UInt8> { table.bytes(at: place) }

  /// The id of the piece with these bytes; nil where there is none.
  func id(of bytes: some Collection<UInt8>) -> Int32? { table.place(of: bytes).map { ids[$0] } }

  /// Reads `["left right", …]` or `[["left", "right"], …]`. Throws `file` for damage, and `value` for merges that are
  /// none or name what the vocabulary lacks.
  func merges(_ reader: JSONByteReader) throws(TokenizationError) -> [TokenizerMerge] {
    var (reader, merges) = (reader, [TokenizerMerge]())
    let file = reader.file
    try reader.require(UInt8(ascii: "["))
    if reader.take(UInt8(ascii: "]")) { return merges }
    var index = 0
    repeat {
      let key = "model.merges[\(index)]"
      index += 1
      let (left, right): (ArraySlice<UInt8>, ArraySlice<UInt8>)
      if reader.take(UInt8(ascii: "[")) {
        left = try reader.string()[...]
        try reader.require(UInt8(ascii: ","))
        right = try reader.string()[...]
        try reader.require(UInt8(ascii: "]"))
      } else {
        let line = try reader.string()
        // the first line of a merges.txt
        if line.starts(with: "#version".utf8) { continue }
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 2 else {
          throw TokenizerJSON.invalid(
            file, key, expected: "two pieces with a space between them", found: Self.quoted(line))
        }
        (left, right) = (parts[0], parts[1])
      }
      var found: [Int32] = []
      for piece in [left, right, left + right] {
        guard let id = id(of: piece) else {
          throw TokenizerJSON.invalid(
            file, key, expected: "pieces of the vocabulary", found: "\(Self.quoted(piece)), which it lacks")
        }
        found.append(id)
      }
      merges.append(TokenizerMerge(left: found[0], right: found[1], merged: found[2]))
    } while reader.take(UInt8(ascii: ","))
    try reader.require(UInt8(ascii: "]"))
    return merges
  }

  private static func quoted(_ piece: some Collection<UInt8>) -> String {
    JSONValue.quoted(String(decoding: piece, as: UTF8.self))
  }
}

/// Pieces in one array of bytes, found by a hash.
private struct PieceTable: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []
  /// Places, -1 where free; a power of two of them.
  private var slots = [Int32](repeating: -1, count: 1024)

  func bytes(at place: Int) -> ArraySlice<UInt8> { bytes[(place == 0 ? 0 : ends[place - 1])..<ends[place]] }

  /// Adds a piece at the next place; false where it is there already.
  mutating func insert(_ piece: [UInt8]) -> Bool {
    if (ends.count + 1) * 2 > slots.count {
      slots = [Int32](repeating: -1, count: slots.count * 2)
      for place in ends.indices { slots[slot(of: bytes(at: place))] = Int32(place) }
    }
    let slot = slot(of: piece)
    guard slots[slot] < 0 else { return false }
    slots[slot] = Int32(ends.count)
    bytes += piece
    ends.append(bytes.count)
    return true
  }

  func place(of piece: some Collection<UInt8>) -> Int? {
    let place = slots[slot(of: piece)]
    return place < 0 ? nil : Int(place)
  }

  /// The slot that has a piece, or that is free for it. (FNV-1a, 64 bits.)
  private func slot(of piece: some Collection<UInt8>) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in piece { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    var slot = Int(truncatingIfNeeded: hash ^ hash >> 32) & (slots.count - 1)
    while slots[slot] >= 0, !bytes(at: Int(slots[slot])).elementsEqual(piece) { slot = (slot + 1) & (slots.count - 1) }
    return slot
  }
}
