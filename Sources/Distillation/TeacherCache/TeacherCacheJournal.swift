import DurableFiles
import Foundation

/// What a run has taken down of its teacher so far: the sequences of a cache in the order in which they were read,
/// until all are there and become the cache's files. It lies in the cache's folder.
///
/// Each sequence is handed to the system at once, with a digest of its own: a killed process loses none but the one it
/// was writing, and what cannot be used counts as not there. The file: the digest of the cache's description, 64 bytes;
/// then for each sequence its number and the number of its bytes, 8 bytes each, the digest of both and of the bytes, 64
/// bytes, and the bytes.
final class TeacherCacheJournal {
  private let file: URL
  private let handle: FileHandle
  /// Where the bytes of each sequence are.
  private var places: [Int: Place] = [:]
  private var end: UInt64

  private struct Place {
    let offset: UInt64
    let count: Int
  }

  private static let keySize = 64
  private static let headerSize = 80

  static func file(in folder: URL) -> URL { folder.appendingPathComponent("sequences.journal") }

  /// Whether a cache's folder has one: then a run makes the cache.
  static func exists(in folder: URL) -> Bool { FileManager.default.fileExists(atPath: file(in: folder).path) }

  /// Removes the journal of a cache that is complete.
  static func remove(from folder: URL) throws(TeacherCacheError) {
    guard exists(in: folder) else { return }
    try writing(file(in: folder)) { try FileManager.default.removeItem(at: file(in: folder)) }
  }

  /// Opens the journal of a cache, or begins it. What stands behind the last whole sequence is cut off.
  init(of folder: TeacherCacheFolder) throws(TeacherCacheError) {
    let file = Self.file(in: folder.url)
    self.file = file
    let key = Data(folder.key.utf8)
    handle = try Self.writing(file) {
      if !FileManager.default.fileExists(atPath: file.path) { try Data().write(to: file) }
      return try FileHandle(forUpdating: file)
    }
    end = UInt64(Self.keySize)
    let begun = try Self.read(handle, at: 0, Self.keySize, file) == key
    if begun { try readPlaces(belowSequence: folder.description.sequenceCount) }
    let (handle, end) = (handle, end)
    try Self.writing(file) {
      if !begun {
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: key)
      }
      try handle.truncate(atOffset: end)
    }
  }

  deinit {
    // All bytes are written already; closing can lose nothing.
    try? handle.close()
  }

  /// Whether a sequence is there.
  func has(_ sequence: Int) -> Bool { places[sequence] != nil }

  /// Appends a sequence that is not there yet.
  func append(_ bytes: [UInt8], of sequence: Int) throws(TeacherCacheError) {
    var data = Self.header(sequence, bytes)
    data.append(contentsOf: bytes)
    let (handle, end) = (handle, end)
    try Self.writing(file) {
      try handle.seek(toOffset: end)
      try handle.write(contentsOf: data)
    }
    places[sequence] = Place(offset: end + UInt64(Self.headerSize), count: bytes.count)
    self.end += UInt64(data.count)
  }

  /// The bytes of a sequence; nil where it is not there, or is not what was written.
  func bytes(of sequence: Int) throws(TeacherCacheError) -> [UInt8]? {
    guard let place = places[sequence] else { return nil }
    let start = place.offset - UInt64(Self.headerSize)
    guard let found = try Self.read(handle, at: start, Self.headerSize + place.count, file) else { return nil }
    let bytes = [UInt8](found.dropFirst(Self.headerSize))
    return found.prefix(Self.headerSize) == Self.header(sequence, bytes) ? bytes : nil
  }

  private func readPlaces(belowSequence limit: Int) throws(TeacherCacheError) {
    while let header = try Self.read(handle, at: end, Self.headerSize, file) {
      let (sequence, count) = (Self.number(header, at: 0), Self.number(header, at: 8))
      guard sequence < UInt64(limit), count <= UInt64(Int32.max) else { return }
      places[Int(sequence)] = Place(offset: end + UInt64(Self.headerSize), count: Int(count))
      guard try bytes(of: Int(sequence)) != nil else {
        places[Int(sequence)] = nil
        return
      }
      end += UInt64(Self.headerSize) + count
    }
  }

  /// So many bytes; nil where the file ends before.
  private static func read(
    _ handle: FileHandle, at offset: UInt64, _ count: Int, _ file: URL
  ) throws(TeacherCacheError) -> Data? {
    do {
      try handle.seek(toOffset: offset)
      let data = try count == 0 ? Data() : handle.read(upToCount: count) ?? Data()
      return data.count == count ? data : nil
    } catch {
      throw .file(.unreadable(file: file.path, reason: error.localizedDescription))
    }
  }

  private static func writing<Result>(_ file: URL, _ body: () throws -> Result) throws(TeacherCacheError) -> Result {
    do { return try body() } catch {
      throw .file(.unwritable(file: file.path, reason: error.localizedDescription))
    }
  }

  private static func header(_ sequence: Int, _ bytes: [UInt8]) -> Data {
    let numbers = [sequence, bytes.count].flatMap { number in
      (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    return Data(numbers) + Data(Digest.sha256(of: [numbers, bytes]).utf8)
  }

  private static func number(_ header: Data, at offset: Int) -> UInt64 {
    (0..<8).reversed().reduce(0) { $0 << 8 | UInt64(header[header.startIndex + offset + $1]) }
  }
}
