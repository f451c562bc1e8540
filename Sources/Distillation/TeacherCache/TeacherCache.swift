import DurableFiles
public import Foundation
import ModelTraining
import TensorCore

/// A teacher's distributions over the next token for every counted token of a text: a folder with `cache.json` and
/// files, memory-mapped.
///
/// The cache knows what it was made from; `require` compares. Opening it checks every byte.
public struct TeacherCache: Sendable {
  /// Where it is.
  public let url: URL
  /// What it was made from.
  public let description: TeacherCacheDescription
  /// What it keeps of each distribution.
  public let method: TeacherCacheMethod
  /// Stands for all that the cache holds.
  public let digest: String
  private let files: [TeacherCacheFile]
  private let coding: TeacherCacheRowCoding

  /// The size of all files, in bytes.
  public var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }

  /// Opens a complete cache and checks all of it. Throws `unfinished`, `beingRecorded`, `damaged` or `file`.
  public init(contentsOf url: URL) throws(TeacherCacheError) {
    let folder = try TeacherCacheFolder(contentsOf: url)
    let present = folder.filesPresent
    guard present == folder.description.fileCount else {
      if TeacherCacheJournal.exists(in: url) { throw .beingRecorded(cache: url.path) }
      throw .unfinished(cache: url.path, files: present, of: folder.description.fileCount)
    }
    self.url = url
    description = folder.description
    method = folder.method
    var files: [TeacherCacheFile] = []
    var digests = folder.key
    for index in 0..<present {
      let file = try folder.file(index)
      files.append(file)
      digests += file.digest
    }
    if let text = folder.description.text {
      digests += text
      try folder.requireText(digest: text)
    }
    self.files = files
    digest = Digest.sha256(of: Data(digests.utf8))
    coding = TeacherCacheRowCoding(method, vocabularySize: description.vocabularySize)
  }

  /// The rows of a sequence's counted tokens, of which there are `count`, where the method is sparse.
  public func rows(ofSequence sequence: Int, count: Int) -> [TeacherCacheRow] {
    precondition(sequence >= 0 && sequence < description.sequenceCount, "sequence \(sequence) of \(url.path)")
    let (file, index) = sequence.quotientAndRemainder(dividingBy: description.sequencesPerFile)
    return files[file].withRows(ofSequence: index) { coding.rows(count, in: $0) }
  }

  /// The codes [V] of the log-probabilities of a sequence's `row`-th counted token, where the method keeps all of them.
  public func withCodes<Result>(
    ofSequence sequence: Int, row: Int, _ body: (Span<UInt16>) -> Result
  ) -> Result {
    precondition(method == .dense16, "a cache of \(method) has no rows of all tokens")
    precondition(sequence >= 0 && sequence < description.sequenceCount, "sequence \(sequence) of \(url.path)")
    let (file, index) = sequence.quotientAndRemainder(dividingBy: description.sequencesPerFile)
    return files[file].withCodes(ofSequence: index, row: row, count: description.vocabularySize, body)
  }

  /// The final hidden states [N, Ct] of a batch's counted tokens, where the method keeps them; zero at the others.
  func hiddenStates(of batch: TokenBatch, on device: Device) -> Tensor {
    guard case .hidden(let channels) = method else { preconditionFailure("a cache of \(method) has no states") }
    precondition(batch.sequences.count == batch.batchSize, "a batch that was not cut from a text has no cached states")
    let states = Tensor.zeros([batch.ids.count, channels], on: device)
    states.withMutableSpan { all in
      for (place, sequence) in batch.sequences.enumerated() {
        let tokens = (place * batch.length..<(place + 1) * batch.length).filter { batch.targets[$0] >= 0 }
        let stored = storedStates(ofSequence: sequence, count: tokens.count * channels)
        for (index, token) in tokens.enumerated() {
          for channel in 0..<channels { all[token * channels + channel] = stored[index * channels + channel] }
        }
      }
    }
    releasePages(of: batch)
    return states
  }

  /// Lets the system have the memory of the files that a batch was read from: a text is long, and the next batch is
  /// elsewhere in it.
  func releasePages(of batch: TokenBatch) {
    for file in Set(batch.sequences.map { $0 / description.sequencesPerFile }) { files[file].releasePages() }
  }

  /// The first `count` values of a sequence's hidden states.
  private func storedStates(ofSequence sequence: Int, count: Int) -> [Float] {
    precondition(sequence >= 0 && sequence < description.sequenceCount, "sequence \(sequence) of \(url.path)")
    let (file, index) = sequence.quotientAndRemainder(dividingBy: description.sequencesPerFile)
    var values = [Float](repeating: 0, count: count)
    var span = values.mutableSpan
    files[file].withRows(ofSequence: index) { bytes in
      let encoding = TeacherCacheEncoder.stateEncoding
      encoding.decode(bytes.extracting(0..<encoding.rowBytes(columns: count)), into: &span)
    }
    return values
  }

  /// Throws `value` unless `found`, of the cache, is what is expected.
  public func require(_ key: String, _ expected: String, _ found: String) throws(TeacherCacheError) {
    try TeacherCacheDescription.require(key, expected, found, of: url)
  }
}
