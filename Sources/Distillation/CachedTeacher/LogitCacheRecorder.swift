public import LanguageModels
public import ModelTraining
import TensorCore

/// How far the making of a cache has come.
public struct LogitCacheProgress: Sendable {
  /// Sequences whose shards are safely on disk or that are being worked on.
  public let sequencesDone: Int
  /// All sequences of the text.
  public let sequenceCount: Int
}

/// Makes a cache of a teacher's distributions over a text.
///
/// Its bytes depend on teacher, text, method, temperature and seed alone: each token has random numbers of its own, and the
/// batches that the teacher runs on begin where shards do. So it does not matter how often the work was interrupted, and on
/// how many threads it runs.
///
/// ```swift
/// let recorder = try LogitCacheRecorder(
///   teacher: teacher, text: text, method: .sampled(draws: 50), teacherDigest: weights, tokenizerDigest: tokenizer)
/// try recorder.record(into: LogitCacheFolder(creating: url, recorder.description))
/// let cache = try LogitCache(contentsOf: url)
/// let objective = try CachedTeacherObjective(DistillationObjective(.forwardKL, temperature: 1), cache)
/// ```
public struct LogitCacheRecorder {
  /// What the cache is made from.
  public let description: LogitCacheDescription
  private let method: LogitCacheMethod
  private let teacher: TransformerDecoder
  private let text: PackedSequences
  private let seed: UInt64

  /// Tokens that the teacher runs on at a time.
  private static let batchTokens = 2_048

  /// - Parameters:
  ///   - teacher: the teacher; it stays as it is.
  ///   - text: the text, packed as it will be trained on.
  ///   - method: what is kept of each distribution.
  ///   - temperature: τ, what the logits are divided by; above 0.
  ///   - seed: determines what is drawn.
  ///   - teacherDigest: stands for the teacher's weights.
  ///   - tokenizerDigest: stands for the tokenizer of teacher and text.
  /// - Throws: `invalidMethod` or `contextTooShort`.
  public init(
    teacher: TransformerDecoder, text: PackedSequences, method: LogitCacheMethod, temperature: Float = 1,
    seed: UInt64 = 0,
    teacherDigest: String, tokenizerDigest: String
  ) throws(CachedTeacherError) {
    precondition(temperature >= 0.05 && temperature.isFinite, "temperature must be at least 0.05, not \(temperature)")
    try Self.requireFit(method, of: teacher, sequenceLength: text.sequenceLength)
    self.teacher = teacher.parameters.isTrainable ? teacher.frozen() : teacher
    self.text = text
    self.method = method
    self.seed = seed
    description = LogitCacheDescription(
      method: method, seed: seed, temperature: temperature, teacher: teacherDigest,
      teacherPrecision: teacher.precision.rawValue, tokenizer: tokenizerDigest, tokens: text.digest(),
      vocabularySize: teacher.configuration.vocabularySize, sequenceLength: text.sequenceLength,
      sequenceCount: text.count)
  }

  /// Checks that a teacher can be cached by a method on sequences of such a length: what `init` checks, for callers who
  /// want to know before they have packed a text. Throws `invalidMethod` or `contextTooShort`.
  public static func requireFit(
    _ method: LogitCacheMethod, of teacher: TransformerDecoder, sequenceLength: Int
  ) throws(CachedTeacherError) {
    let (vocabularySize, contextLength) = (teacher.configuration.vocabularySize, teacher.configuration.contextLength)
    switch method {
    case .topK(let k), .topKTail(let k):
      guard (1...vocabularySize).contains(k) else {
        throw .invalidMethod(key: "k", expected: "from 1 to the vocabulary's \(vocabularySize) tokens", found: k)
      }
    case .sampled(let draws):
      let allowed = LogitCacheMethod.allowedDraws
      guard allowed.contains(draws) else {
        throw .invalidMethod(
          key: "draws", expected: "from \(allowed.lowerBound) to \(allowed.upperBound)", found: draws)
      }
    case .dense16: break
    }
    guard sequenceLength <= contextLength else {
      throw .contextTooShort(sequenceLength: sequenceLength, contextLength: contextLength)
    }
  }

  /// Makes the shards that are missing.
  /// - Parameters:
  ///   - folder: the cache's folder, made or opened with `description`.
  ///   - handler: is told how far it has come; on `.stop` the shard that is being made is given up, and the call returns.
  /// - Returns: whether the cache is complete.
  /// - Throws: `notFinite`, or `cache` with what the disk refuses.
  @discardableResult
  public func record(
    into folder: LogitCacheFolder, _ handler: (LogitCacheProgress) -> TrainingDirective = { _ in .continue }
  ) throws(CachedTeacherError) -> Bool {
    precondition(folder.description == description, "the folder of another cache")
    let shards = try CachedTeacherError.wrapping { () throws(LogitCacheError) in try folder.unfinishedShards() }
    var done = text.count - shards.reduce(0) { $0 + description.sequences(ofShard: $1).count }
    for shard in shards {
      let sequences = description.sequences(ofShard: shard)
      var rows: [[LogitCacheRow]] = []
      for start in stride(from: sequences.lowerBound, to: sequences.upperBound, by: batchSize) {
        let batch = Array(start..<min(sequences.upperBound, start + batchSize))
        rows += try self.rows(of: batch)
        done += batch.count
        let progress = LogitCacheProgress(sequencesDone: done, sequenceCount: text.count)
        if handler(progress) == .stop { return false }
      }
      try CachedTeacherError.wrapping { () throws(LogitCacheError) in try folder.write(shard: shard, rows: rows) }
    }
    return true
  }

  private var batchSize: Int { max(1, Self.batchTokens / text.sequenceLength) }

  /// The rows of the counted tokens of some sequences.
  private func rows(of sequences: [Int]) throws(CachedTeacherError) -> [[LogitCacheRow]] {
    let batch = text.batch(sequences)
    let counted = batch.countedRows
    guard !counted.isEmpty else { return sequences.map { _ in [] } }
    let projection = teacher.projection(of: teacher.hiddenStates(batch.ids, batchSize: batch.batchSize))
    let temperature = description.temperature
    let rows = projection.mapLogits(rows: counted) { index, logits, _, _ in
      let (sequence, position) = Int(counted[index]).quotientAndRemainder(dividingBy: batch.length)
      return LogitCacheRow(
        method, logits: &logits, temperature: temperature,
        generator: generator(sequence: sequences[sequence], position: position))
    }
    var perSequence: [[LogitCacheRow]] = sequences.map { _ in [] }
    for (row, index) in zip(rows, counted) {
      let (sequence, position) = Int(index).quotientAndRemainder(dividingBy: batch.length)
      guard let row else { throw .notFinite(sequence: sequences[sequence], position: position) }
      perSequence[sequence].append(row)
    }
    return perSequence
  }

  /// Random numbers of one token: they depend on nothing else.
  private func generator(sequence: Int, position: Int) -> SeededGenerator {
    [UInt64(sequence), UInt64(position)].reduce(SeededGenerator(seed: seed)) { generator, number in
      // each number is hashed with all before it: generators whose seeds lie close together must not run in step
      var generator = generator
      return SeededGenerator(seed: generator.next() ^ number)
    }
  }
}
