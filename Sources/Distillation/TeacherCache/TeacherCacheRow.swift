/// A teacher's distribution of one token, as a cache keeps it. Log-probabilities are codes of 16 bits.
public enum TeacherCacheRow: Sendable, Equatable {
  /// The tokens with the largest probabilities, by ascending id, and their log-probabilities; `rest` is that of all
  /// other tokens together, where the method keeps it.
  case largest(ids: [Int32], codes: [UInt16], rest: UInt16?)
  /// Drawn tokens, by ascending id, and how often each was drawn; `entropy` is the code of −H(p).
  case drawn(ids: [Int32], counts: [Int32], entropy: UInt16)
  /// The log-probabilities of all tokens.
  case dense([UInt16])
}

/// How rows become bytes: for one method and vocabulary.
struct TeacherCacheRowCoding {
  let method: TeacherCacheMethod
  private let idBits: Int

  init(_ method: TeacherCacheMethod, vocabularySize: Int) {
    self.method = method
    idBits = BitWriter.bits(ofIDsBelow: vocabularySize)
  }

  /// The rows of one sequence, whose last byte is filled up.
  func bytes(of rows: [TeacherCacheRow]) -> [UInt8] {
    var writer = BitWriter()
    for row in rows { append(row, to: &writer) }
    writer.align()
    return writer.bytes
  }

  private func append(_ row: TeacherCacheRow, to writer: inout BitWriter) {
    switch (row, method) {
    case (.largest(let ids, let codes, nil), .topK(let k)) where ids.count == k:
      appendLargest(ids, codes, to: &writer)
    case (.largest(let ids, let codes, let rest?), .topKTail(let k)) where ids.count == k:
      appendLargest(ids, codes, to: &writer)
      writer.append(UInt32(rest), bits: 16)
    case (.drawn(let ids, let counts, let entropy), .sampled(let draws)) where counts.reduce(0, +) == draws:
      appendDrawn(ids, counts, entropy, to: &writer)
    case (.dense(let codes), .dense16):
      for code in codes { writer.append(UInt32(code), bits: 16) }
    default:
      preconditionFailure("a row that is not of the method \(method)")
    }
  }

  /// Ids as gaps, which many draws make short: fewer bits than the ⌈log₂ V⌉ of an id.
  private func appendDrawn(_ ids: [Int32], _ counts: [Int32], _ entropy: UInt16, to writer: inout BitWriter) {
    let gaps = ids.indices.map { UInt32($0 == 0 ? ids[0] : ids[$0] - ids[$0 - 1] - 1) }
    let parameter = BitWriter.bestParameter(forGaps: gaps, most: idBits)
    writer.append(UInt32(entropy), bits: 16)
    writer.append(UInt32(parameter), bits: TeacherCacheMethod.gapParameterBits)
    // the counts' sum is known, and ends the row
    for (gap, count) in zip(gaps, counts) {
      writer.appendGamma(UInt32(count))
      writer.appendGap(gap, parameter: parameter)
    }
  }

  private func appendLargest(_ ids: [Int32], _ codes: [UInt16], to writer: inout BitWriter) {
    for (id, code) in zip(ids, codes) {
      writer.append(UInt32(id), bits: idBits)
      writer.append(UInt32(code), bits: 16)
    }
  }

  /// The first `count` rows of a sequence whose method is sparse.
  func rows(_ count: Int, in bytes: Span<UInt8>) -> [TeacherCacheRow] {
    var reader = BitReader()
    var rows: [TeacherCacheRow] = []
    rows.reserveCapacity(count)
    for _ in 0..<count { rows.append(row(&reader, bytes)) }
    return rows
  }

  private func row(_ reader: inout BitReader, _ bytes: Span<UInt8>) -> TeacherCacheRow {
    switch method {
    case .topK(let k):
      let (ids, codes) = largest(k, &reader, bytes)
      return .largest(ids: ids, codes: codes, rest: nil)
    case .topKTail(let k):
      let (ids, codes) = largest(k, &reader, bytes)
      return .largest(ids: ids, codes: codes, rest: UInt16(reader.number(bits: 16, in: bytes)))
    case .sampled(let draws):
      let entropy = UInt16(reader.number(bits: 16, in: bytes))
      let parameter = Int(reader.number(bits: TeacherCacheMethod.gapParameterBits, in: bytes))
      var (ids, counts): ([Int32], [Int32]) = ([], [])
      var left = draws
      while left > 0 {
        let count = Int32(reader.gamma(in: bytes))
        left -= Int(count)
        counts.append(count)
        ids.append((ids.last ?? -1) + 1 + Int32(reader.gap(parameter: parameter, in: bytes)))
      }
      return .drawn(ids: ids, counts: counts, entropy: entropy)
    case .dense16, .hidden:
      preconditionFailure("rows of all tokens, and hidden states, are read in place")
    }
  }

  private func largest(_ k: Int, _ reader: inout BitReader, _ bytes: Span<UInt8>) -> ([Int32], [UInt16]) {
    var (ids, codes): ([Int32], [UInt16]) = ([], [])
    ids.reserveCapacity(k)
    codes.reserveCapacity(k)
    for _ in 0..<k {
      ids.append(Int32(reader.number(bits: idBits, in: bytes)))
      codes.append(UInt16(reader.number(bits: 16, in: bytes)))
    }
    return (ids, codes)
  }
}
