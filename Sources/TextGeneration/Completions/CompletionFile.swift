import DurableFiles
public import Foundation

/// How much of a file of completions is written.
public struct CompletionProgress: Codable, Sendable, Equatable {
  /// Completions that were generated and either written or refused.
  public var completions = 0
  /// Those that were written.
  public var kept = 0
  /// How many each filter refused; a completion may be refused by several.
  public var refused: [String: Int] = [:]
  /// Tokens of all completions, refused ones included.
  public var tokens = 0
  /// Seconds spent on them, over all continuations.
  public var seconds = 0.0
  /// The file's size.
  var bytes = 0
  /// Whether there will be no more.
  var isFinished = false
}

/// A file of completions in JSON Lines that can be gone on with after any interruption.
///
/// Beside `NAME` lies `NAME.progress`: a line with what the completions are made from, then lines that say how many of
/// them stand in how many bytes of `NAME`. Completions are written first and made durable, so that what `NAME` has
/// beyond its last such line, a half-written completion perhaps, can be dropped and made again.
public final class CompletionFile {
  /// How much is written.
  public private(set) var progress = CompletionProgress()
  private let url: URL
  private let journal: URL
  private let handle: FileHandle
  private let journalHandle: FileHandle
  /// Held while this object is there.
  private let lock: FileLock
  private let clock = ContinuousClock()
  private let secondsBefore: Double
  private let begun: ContinuousClock.Instant
  private var lastRecorded: ContinuousClock.Instant
  /// The time between records, the most that a killed process loses.
  private static let interval = Duration.seconds(1)

  private init(
    _ url: URL, _ journal: URL, kept: CompletionProgress, journalBytes: Int, _ lock: FileLock
  ) throws(CompletionError) {
    self.url = url
    self.lock = lock
    self.journal = journal
    progress = kept
    secondsBefore = kept.seconds
    handle = try Self.open(url, keeping: kept.bytes)
    journalHandle = try Self.open(journal, keeping: journalBytes)
    begun = clock.now
    lastRecorded = begun
  }

  deinit {
    // What is recorded is durable; closing can lose nothing.
    try? handle.close()
    try? journalHandle.close()
  }

  /// Begins a file.
  /// - Parameters:
  ///   - url: where; nothing may stand there yet.
  ///   - inputs: what the completions depend on, by name; the file is only continued with the same.
  /// - Throws: `outputExists` or `file`, also where another process writes it.
  public convenience init(creating url: URL, inputs: [String: String]) throws(CompletionError) {
    let journal = Self.journal(of: url)
    let lock = try Self.lock(url)
    for file in [url, journal] where FileManager.default.fileExists(atPath: file.path) {
      throw .outputExists(file: file.path)
    }
    let header = try Self.line(Header(inputs: inputs), for: journal)
    try Self.writing(journal) { try header.write(to: journal, options: .withoutOverwriting) }
    try Self.writing(url) { try Data().write(to: url, options: .withoutOverwriting) }
    try self.init(url, journal, kept: CompletionProgress(), journalBytes: header.count, lock)
  }

  /// Opens a file that was begun and not finished, and drops what is not recorded as complete.
  /// - Parameters:
  ///   - url: where it is.
  ///   - inputs: what the completions depend on now.
  /// - Throws: `notBegun`, `settingDiffers` naming the first input that differs, `alreadyFinished`, `damaged` or
  ///   `file`, also where another process writes it.
  public convenience init(resuming url: URL, inputs: [String: String]) throws(CompletionError) {
    let journal = Self.journal(of: url)
    let lock = try Self.lock(url)
    guard let content = try? Data(contentsOf: journal) else { throw .notBegun(file: url.path) }
    // The last line may be half-written.
    let lines = content.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast()
    guard let first = lines.first, let header = try? Self.decoder.decode(Header.self, from: first) else {
      throw .damaged(file: url.path, reason: "\(journal.lastPathComponent) does not begin with its inputs")
    }
    for name in Set(header.inputs.keys).union(inputs.keys).sorted() where header.inputs[name] != inputs[name] {
      throw .settingDiffers(
        file: url.path, setting: name, begun: header.inputs[name] ?? "nothing", now: inputs[name] ?? "nothing")
    }
    let text = (try? Data(contentsOf: url, options: .alwaysMapped)) ?? Data()
    var (kept, journalBytes) = (CompletionProgress(), first.count + 1)
    for line in lines.dropFirst() {
      guard let entry = try? Self.decoder.decode(CompletionProgress.self, from: line), entry.bytes <= text.count else {
        break
      }
      (kept, journalBytes) = (entry, journalBytes + line.count + 1)
    }
    guard kept.bytes == 0 || text[text.startIndex + kept.bytes - 1] == 0x0A else {
      throw .damaged(file: url.path, reason: "no line ends after its first \(kept.bytes) bytes, as it did")
    }
    if kept.isFinished { throw .alreadyFinished(file: url.path, completions: kept.completions) }
    if !FileManager.default.fileExists(atPath: url.path) { try Self.writing(url) { try text.write(to: url) } }
    try self.init(url, journal, kept: kept, journalBytes: journalBytes, lock)
  }

  /// Counts a completion and, unless it was refused, writes its line.
  func append(_ line: String?, tokens: Int, refusals: [String]) throws(CompletionError) {
    progress.completions += 1
    progress.tokens += tokens
    for name in refusals { progress.refused[name, default: 0] += 1 }
    guard let line else { return }
    let bytes = Data(line.utf8)
    try Self.writing(url) { try handle.write(contentsOf: bytes) }
    progress.kept += 1
    progress.bytes += bytes.count
  }

  /// Records the progress, unless it was recorded within the last second.
  func recordIfDue() throws(CompletionError) {
    if clock.now - lastRecorded >= Self.interval { try record() }
  }

  /// Makes all completions durable, then the record of them.
  func record() throws(CompletionError) {
    try Self.writing(url) { try handle.synchronize() }
    lastRecorded = clock.now
    progress.seconds = secondsBefore + (lastRecorded - begun) / .seconds(1)
    let entry = try Self.line(progress, for: journal)
    try Self.writing(journal) {
      try journalHandle.write(contentsOf: entry)
      try journalHandle.synchronize()
    }
  }

  /// Marks the file as complete.
  func finish() throws(CompletionError) {
    progress.isFinished = true
    try record()
  }

  /// Removes the file and the record of its progress.
  func remove() throws(CompletionError) {
    for file in [url, journal] { try Self.writing(file) { try FileManager.default.removeItem(at: file) } }
  }
}

extension CompletionFile {
  /// The first line of the journal.
  private struct Header: Codable {
    var inputs: [String: String]
  }

  private static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return decoder
  }

  private static func lock(_ url: URL) throws(CompletionError) -> FileLock {
    do { return try FileLock(fileAt: url) } catch { throw .file(error) }
  }

  private static func journal(of url: URL) -> URL { url.appendingPathExtension("progress") }

  private static func line(_ value: some Encodable, for file: URL) throws(CompletionError) -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try writing(file) { try encoder.encode(value) + Data("\n".utf8) }
  }

  /// Opens a file to be continued after its first `count` bytes.
  private static func open(_ file: URL, keeping count: Int) throws(CompletionError) -> FileHandle {
    try writing(file) {
      let handle = try FileHandle(forWritingTo: file)
      try handle.truncate(atOffset: UInt64(count))
      try handle.seekToEnd()
      return handle
    }
  }

  private static func writing<Result>(_ file: URL, _ body: () throws -> Result) throws(CompletionError) -> Result {
    do { return try body() } catch { throw .file(.unwritable(file: file.path, reason: error.localizedDescription)) }
  }
}
