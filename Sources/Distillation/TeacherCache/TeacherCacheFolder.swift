public import DurableFiles
public import Foundation
import ModelTraining

/// The folder of a cache while it is being made: files appear in it whole or not at all, in any order, and none is ever
/// written again.
///
/// A process that is killed loses the file it was at. Another one goes on with the files that are missing. A folder
/// that was made or opened to be written is locked as long as this value or a copy of it is there; reading is free to
/// all.
public struct TeacherCacheFolder: Sendable {
  /// Where it is.
  public let url: URL
  /// What the cache is made from.
  public let description: TeacherCacheDescription
  /// What it keeps of each distribution.
  public let method: TeacherCacheMethod
  /// The digest of the description, which every file carries.
  let key: String
  /// Held by whoever may write; nil for a folder that is only read.
  let lock: FileLock?

  /// Makes the folder of a new cache, with the files of the tokenizer beside it, so that whoever learns from the cache
  /// need not have them. Throws `file`: where anything stands at `url`, and what the disk refuses.
  public init(
    creating url: URL, _ description: TeacherCacheDescription, tokenizerFiles: [NamedFile] = []
  ) throws(TeacherCacheError) {
    guard let method = description.knownMethod else { preconditionFailure("a cache of unknown method") }
    let json = try Self.json(description, for: url)
    lock = try TeacherCacheError.wrapping { () throws(FileError) in
      do {
        try FileManager.default.createDirectory(
          at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      } catch {
        throw FileError.unwritable(file: url.path, reason: error.localizedDescription)
      }
      let folder = try AtomicFolder(creating: url)
      try AtomicFile.write(json, to: Self.descriptionFile(in: folder.contents))
      for file in tokenizerFiles { try file.write(to: folder.contents) }
      try folder.commit()
      return try FileLock(folder: url)
    }
    self.url = url
    self.description = description
    self.method = method
    key = Digest.sha256(of: json)
  }

  /// Opens the folder of a cache that was begun, to go on with it; it may be complete. Removes what a killed process
  /// left, and writes the files of the tokenizer again where they are not there or are another's. Throws `file` where
  /// another process writes it, `value` naming the first thing in which `description` differs from the one in the
  /// folder; `damaged`, `file`.
  public init(
    resuming url: URL, _ description: TeacherCacheDescription, tokenizerFiles: [NamedFile] = []
  ) throws(TeacherCacheError) {
    try Self.requireDescription(in: url)
    // Locked before it is read: the process that has the lock may be writing.
    try self.init(
      contentsOf: url, holding: TeacherCacheError.wrapping { () throws(FileError) in try FileLock(folder: url) })
    if let (key, expected, found) = description.firstDifference(from: self.description) {
      throw .mismatch(url, key, expected: expected, found: found)
    }
    try TeacherCacheError.wrapping { () throws(FileError) in
      try AtomicFile.removeLeftovers(in: url)
      try restore(tokenizerFiles)
    }
  }

  /// Opens the folder of a cache, complete or not, and reads its description alone. Throws `file`.
  public init(contentsOf url: URL) throws(TeacherCacheError) {
    try Self.requireDescription(in: url)
    try self.init(contentsOf: url, holding: nil)
  }

  /// Whether a cache is there, complete or not.
  static func exists(at url: URL) -> Bool { FileManager.default.fileExists(atPath: descriptionFile(in: url).path) }

  private static func requireDescription(in url: URL) throws(TeacherCacheError) {
    guard exists(at: url) else {
      throw .file(
        .missing(
          file: descriptionFile(in: url).path,
          advice: "\(url.path) is no cache; make one with limbeck cache-teacher"))
    }
  }

  private init(contentsOf url: URL, holding lock: FileLock?) throws(TeacherCacheError) {
    let file = Self.descriptionFile(in: url)
    self.lock = lock
    let json: Data
    do { json = try Data(contentsOf: file) } catch {
      throw .file(.unreadable(file: file.path, reason: error.localizedDescription))
    }
    guard let description = try? TeacherCacheDescription(json: json), description.makesSense,
      let method = description.knownMethod
    else {
      throw .file(.unreadable(file: file.path, reason: "it does not describe a cache that this version knows"))
    }
    self.url = url
    self.description = description
    self.method = method
    key = Digest.sha256(of: try Self.json(description, for: url))
  }

  /// The files that are missing, or cannot be used, ascending: what is still to be made.
  public func unfinishedFiles() throws(TeacherCacheError) -> [Int] {
    var files: [Int] = []
    for index in 0..<description.fileCount {
      do throws(TeacherCacheError) { _ = try file(index) } catch {
        switch error {
        case .damaged, .file(.missing): files.append(index)
        default: throw error
        }
      }
    }
    return files
  }

  /// Writes a file, in place of one that cannot be used; its sequences are given by their rows.
  public func write(file index: Int, rows: [[TeacherCacheRow]]) throws(TeacherCacheError) {
    let coding = coding
    try write(file: index, bytes: rows.map { coding.bytes(of: $0) })
  }

  /// How rows become bytes.
  var coding: TeacherCacheRowCoding {
    TeacherCacheRowCoding(method, vocabularySize: description.vocabularySize)
  }

  private func write(file index: Int, bytes: [[UInt8]]) throws(TeacherCacheError) {
    try TeacherCacheFile.write(bytes, of: description.sequences(ofFile: index), key: key, to: url(ofFile: index))
  }

  /// Makes the files that are missing, `batchSize` sequences at a time; `bytes` makes those of some sequences. On
  /// `.stop` the file that is being made is given up. Returns whether the cache is complete.
  func makeFiles(
    batchSize: Int, _ handler: (TeacherCacheProgress) -> TrainingDirective,
    _ bytes: ([Int]) throws(TeacherCacheError) -> [[UInt8]]
  ) throws(TeacherCacheError) -> Bool {
    precondition(lock != nil, "a folder that was opened to be read")
    defer { extendLifetime(lock) }
    let files = try unfinishedFiles()
    var done = description.sequenceCount - files.reduce(0) { $0 + description.sequences(ofFile: $1).count }
    for file in files {
      let sequences = description.sequences(ofFile: file)
      var made: [[UInt8]] = []
      for start in stride(from: sequences.lowerBound, to: sequences.upperBound, by: batchSize) {
        let batch = Array(start..<min(sequences.upperBound, start + batchSize))
        made += try bytes(batch)
        done += batch.count
        let progress = TeacherCacheProgress(sequencesDone: done, sequenceCount: description.sequenceCount)
        if handler(progress) == .stop { return false }
      }
      try write(file: file, bytes: made)
    }
    try TeacherCacheJournal.remove(from: url)
    return true
  }

  /// How many of the files are there, whole or not.
  var filesPresent: Int {
    (0..<description.fileCount).count { FileManager.default.fileExists(atPath: url(ofFile: $0).path) }
  }

  func file(_ index: Int) throws(TeacherCacheError) -> TeacherCacheFile {
    try TeacherCacheFile(
      contentsOf: url(ofFile: index), key: key, sequences: description.sequences(ofFile: index))
  }

  private func url(ofFile index: Int) -> URL {
    let digits = String(index)
    return url.appendingPathComponent(
      "shard-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".rows")
  }

  private static func descriptionFile(in folder: URL) -> URL { folder.appendingPathComponent("cache.json") }

  private static func json(_ description: TeacherCacheDescription, for url: URL) throws(TeacherCacheError) -> Data {
    do { return try description.json } catch {
      throw .file(.unwritable(file: descriptionFile(in: url).path, reason: error.localizedDescription))
    }
  }
}
