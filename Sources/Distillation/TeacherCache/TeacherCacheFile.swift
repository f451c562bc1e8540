import DurableFiles
import Foundation

/// One file of a cache, with the rows of consecutive sequences; memory-mapped.
///
/// The file: a header of 160 bytes (the format's name, the digest of the cache's description, the first sequence, their
/// number, the number of bytes after the header, and the digest of these bytes); then where each sequence begins and
/// the last one ends, as 64-bit numbers of bytes after this table; then the rows, each sequence from a whole byte on.
/// Numbers are little-endian.
struct TeacherCacheFile {
  private let file: MappedFile
  private let starts: MappedElements<UInt64>
  /// The rows as bytes, and as 16-bit numbers.
  private let rows: MappedElements<UInt8>
  private let codes: MappedElements<UInt16>

  private static let magic = Array("LMBKLGT1".utf8)
  private static let headerSize = 160

  /// The digest of all that comes after the header.
  let digest: String
  /// The size of the file.
  var byteCount: Int { file.count }

  /// Opens a file and checks all of it. `key` is the digest of the cache's description.
  init(contentsOf url: URL, key: String, sequences: Range<Int>) throws(TeacherCacheError) {
    let file = try TeacherCacheError.wrapping { () throws(FileError) in try MappedFile(contentsOf: url) }
    func damaged(_ reason: String) -> TeacherCacheError { .damaged(file: url.path, reason: reason) }
    guard file.count >= Self.headerSize else { throw damaged("\(file.count) bytes are no file of a cache") }
    let header = try TeacherCacheError.wrapping { () throws(FileError) in
      try file.elements(of: UInt8.self, at: 0, count: Self.headerSize).array
    }
    let digest = Digest.sha256(of: file, in: Self.headerSize..<file.count)
    let contentCount = file.count - Self.headerSize
    guard header.starts(with: Self.magic) else { throw damaged("it does not begin as a file of a cache does") }
    let stored = Self.number(header, at: 88)
    guard stored == UInt64(contentCount) else {
      throw damaged("\(stored) bytes expected after the header, \(contentCount) found")
    }
    guard header == Self.header(key: key, sequences: sequences, contentCount: contentCount, digest: digest) else {
      throw damaged("its content is not what was written, or belongs to another cache")
    }
    let tableCount = sequences.count + 1
    let offset = Self.headerSize + 8 * tableCount
    (starts, rows, codes) = try TeacherCacheError.wrapping { () throws(FileError) in
      (
        try file.elements(of: UInt64.self, at: Self.headerSize, count: tableCount),
        try file.elements(of: UInt8.self, at: offset, count: file.count - offset),
        try file.elements(of: UInt16.self, at: offset, count: (file.count - offset) / 2)
      )
    }
    // all of it was read; from now on only the rows of a batch are
    rows.releasePages()
    self.file = file
    self.digest = digest
  }

  /// Lets the system have the memory of the rows that were read.
  func releasePages() { rows.releasePages() }

  /// Writes a file, which appears whole or not at all.
  static func write(
    _ rows: [[UInt8]], of sequences: Range<Int>, key: String, to url: URL
  ) throws(TeacherCacheError) {
    precondition(rows.count == sequences.count, "\(rows.count) sequences for \(sequences)")
    var table: [UInt8] = []
    var start: UInt64 = 0
    for row in rows {
      append(start, to: &table)
      start += UInt64(row.count)
    }
    append(start, to: &table)
    // rows are as large as a file: they are not copied into one
    let parts = [table] + rows
    let header = header(
      key: key, sequences: sequences, contentCount: table.count + Int(start), digest: Digest.sha256(of: parts))
    try TeacherCacheError.wrapping { () throws(FileError) in
      let file = try AtomicFile(replacing: url)
      try file.append(header)
      for part in parts { try file.append(part) }
      try file.commit()
    }
  }

  /// The rows of a sequence, counted from the file's first.
  func withRows<Result>(ofSequence index: Int, _ body: (Span<UInt8>) -> Result) -> Result {
    let range = Int(starts[index])..<Int(starts[index + 1])
    return rows.withSpan { body($0.extracting(range)) }
  }

  /// A row of so many 16-bit codes of a sequence, counted from the file's first.
  func withCodes<Result>(ofSequence index: Int, row: Int, count: Int, _ body: (Span<UInt16>) -> Result) -> Result {
    let start = Int(starts[index]) / 2 + row * count
    return codes.withSpan { body($0.extracting(start..<start + count)) }
  }

  private static func header(key: String, sequences: Range<Int>, contentCount: Int, digest: String) -> [UInt8] {
    var header = magic + key.utf8
    for number in [sequences.lowerBound, sequences.count, contentCount] { append(UInt64(number), to: &header) }
    return header + digest.utf8
  }

  private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
    bytes += (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  private static func number(_ bytes: [UInt8], at offset: Int) -> UInt64 {
    (0..<8).reversed().reduce(0) { $0 << 8 | UInt64(bytes[offset + $1]) }
  }
}
