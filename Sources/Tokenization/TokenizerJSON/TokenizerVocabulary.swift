import DurableFiles
import Foundation

/// The pieces of a vocabulary, by id and by their bytes (UTF-8). No two pieces are the same, and no two have the same
/// id; there may be ids without a piece.
struct TokenizerVocabulary: Sendable {
  /// Ids from here on are surely damage: no vocabulary is so large.
  static let idLimit = 1 << 24
  /// Beside half of all ids, so many may have no piece: each costs memory.
  private static let mostIdleIDs = 1 << 18

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
    func add(_ piece: ArraySlice<UInt8>, _ id: Int32, to table: inout PieceTable) throws(TokenizationError) {
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
          guard let id = reader.digits(below: Self.idLimit) else {
            throw TokenizerJSON.invalid(
              file, "model.vocab",
              expected: "an id from 0 to \(Self.idLimit - 1) for \(Self.quoted(piece))", found: try reader.number())
          }
          try add(piece, Int32(id), to: &table)
        }
      } while reader.take(UInt8(ascii: ","))
      try reader.require(closing)
    }
    idEnd = Int(ids.max() ?? -1) + 1
    guard idEnd <= 2 * ids.count + Self.mostIdleIDs else {
      throw TokenizerJSON.invalid(
        file, "model.vocab", expected: "a piece for nearly each id",
        found: "\(ids.count) pieces for ids up to \(idEnd - 1)")
    }
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
    // lines that are no merges count, too
    var (index, both) = (-1, [UInt8]())
    func invalid(expected: String, found: String) -> TokenizationError {
      TokenizerJSON.invalid(file, "model.merges[\(index)]", expected: expected, found: found)
    }
    func known(_ piece: some Collection<UInt8>) throws(TokenizationError) -> Int32 {
      if let id = id(of: piece) { return id }
      throw invalid(expected: "pieces of the vocabulary", found: "\(Self.quoted(piece)), which it lacks")
    }
    repeat {
      index += 1
      let (left, right): (ArraySlice<UInt8>, ArraySlice<UInt8>)
      if reader.take(UInt8(ascii: "[")) {
        left = try reader.string()
        try reader.require(UInt8(ascii: ","))
        right = try reader.string()
        try reader.require(UInt8(ascii: "]"))
      } else {
        let line = try reader.string()
        // the first line of a merges.txt
        if line.starts(with: "#version".utf8) { continue }
        guard let space = line.firstIndex(of: UInt8(ascii: " ")),
          !line[(space + 1)...].contains(UInt8(ascii: " "))
        else { throw invalid(expected: "two pieces with a space between them", found: Self.quoted(line)) }
        (left, right) = (line[..<space], line[(space + 1)...])
      }
      both.removeAll(keepingCapacity: true)
      both += left
      both += right
      merges.append(TokenizerMerge(left: try known(left), right: try known(right), merged: try known(both)))
    } while reader.take(UInt8(ascii: ","))
    try reader.require(UInt8(ascii: "]"))
    return merges
  }

  private static func quoted(_ piece: some Collection<UInt8>) -> String {
    JSONValue.quoted(String(decoding: piece, as: UTF8.self))
  }
}
