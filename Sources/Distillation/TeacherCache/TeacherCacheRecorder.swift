import Diagnostics
import DurableFiles
public import LanguageModels
public import ModelTraining
import TensorCore

/// How far the making of a cache has come.
public struct TeacherCacheProgress: Sendable {
  /// Sequences whose files are safely on disk or that are being worked on.
  public let sequencesDone: Int
  /// All sequences of the text.
  public let sequenceCount: Int
}

/// Makes a cache of a teacher's distributions over a text.
///
/// Its bytes depend on teacher, text, method, temperature and seed alone: each token has random numbers of its own, and
/// the batches that the teacher runs on begin where files do. So it does not matter how often the work was interrupted,
/// and on how many threads it runs.
///
/// ```swift
/// let recorder = try TeacherCacheRecorder(
///   teacher: teacher, text: text, method: .sampled(draws: 50), teacherDigest: weights, tokenizerDigest: tokenizer)
/// try recorder.record(into: TeacherCacheFolder(creating: url, recorder.description))
/// let cache = try TeacherCache(contentsOf: url)
/// let objective = try CachedTeacherObjective(DistillationObjective(.forwardKL, temperature: 1), cache)
/// ```
public struct TeacherCacheRecorder {
  /// What the cache is made from.
  public let description: TeacherCacheDescription
  let encoder: TeacherCacheEncoder
  private let teacher: FrozenDecoder
  private let text: any TokenSequences

  /// Tokens that the teacher runs on at a time.
  private static let batchTokens = 2_048

  /// - Parameters:
  ///   - teacher: the teacher; it stays as it is.
  ///   - text: the text, cut at fixed places as it will be trained on, or as it will be validated on.
  ///   - method: what is kept of each distribution.
  ///   - temperature: τ, what the logits are divided by, in `DistillationObjective.allowedTemperatures`.
  ///   - seed: determines what is drawn.
  ///   - teacherDigest: stands for the teacher's weights.
  ///   - tokenizerDigest: stands for the tokenizer of teacher and text.
  /// - Throws: `value`, where method or sequence length do not fit the teacher, the temperature is not allowed, or the
  ///   text is not cut at fixed places.
  public init(
    teacher: any DecoderModel, text: any TokenSequences, method: TeacherCacheMethod, temperature: Float = 1,
    seed: UInt64 = 0,
    teacherDigest: String, tokenizerDigest: String
  ) throws(TeacherCacheError) {
    do { try Schedule.constant(temperature).requireTemperature() } catch { throw .value(error) }
    if method.keepsStates, temperature != 1 {
      throw .value(
        InvalidValue(
          "temperature", expected: "1 with the method hidden, whose states are of any temperature",
          found: "\(temperature)"))
    }
    try Self.requireFit(method, of: teacher, sequenceLength: text.sequenceLength)
    guard text.packing.cuts == .fixed else {
      throw .value(InvalidValue(text.name, "packing", expected: "fixed", found: text.packing.cuts.rawValue))
    }
    self.teacher = teacher.frozen()
    self.text = text
    description = TeacherCacheDescription(
      method: method, seed: seed, temperature: temperature, teacher: teacherDigest,
      teacherPrecision: teacher.precision.rawValue, tokenizer: tokenizerDigest, tokens: text.digest(),
      vocabularySize: teacher.configuration.vocabularySize, sequenceLength: text.sequenceLength,
      sequenceCount: text.count, beginningID: text.packing.beginningID)
    encoder = TeacherCacheEncoder(description, method)
  }

  /// Checks that a teacher can be cached by a method on sequences of such a length: what `init` checks, for callers who
  /// want to know before they have packed a text. Throws `value`.
  public static func requireFit(
    _ method: TeacherCacheMethod, of teacher: any DecoderModel, sequenceLength: Int
  ) throws(TeacherCacheError) {
    let (vocabularySize, contextLength) = (teacher.configuration.vocabularySize, teacher.configuration.contextLength)
    let channels = teacher.configuration.hiddenSize
    if case .hidden(let found) = method, found != channels {
      throw .value(InvalidValue("channels", expected: "the teacher's \(channels)", found: "\(found)"))
    }
    try requireFit(method, vocabularySize: vocabularySize)
    guard sequenceLength <= contextLength else {
      throw .value(.sequenceLength(sequenceLength, beyond: contextLength, of: "the teacher"))
    }
  }

  /// Checks that a method makes sense for a vocabulary of V tokens. Throws `value`.
  static func requireFit(
    _ method: TeacherCacheMethod, vocabularySize: Int
  ) throws(TeacherCacheError) {
    switch method {
    case .topK(let k), .topKTail(let k):
      guard (1...vocabularySize).contains(k) else {
        throw .value(
          InvalidValue("k", expected: "from 1 to the vocabulary's \(vocabularySize) tokens", found: "\(k)"))
      }
    case .sampled(let draws):
      let allowed = TeacherCacheMethod.allowedDraws
      guard allowed.contains(draws) else {
        throw .value(
          InvalidValue("draws", expected: "from \(allowed.lowerBound) to \(allowed.upperBound)", found: "\(draws)"))
      }
    case .dense16, .hidden: break
    }
  }

  /// Makes the files that are missing.
  /// - Parameters:
  ///   - folder: the cache's folder, made or opened with `description`.
  ///   - handler: is told how far it has come; on `.stop` the file that is being made is given up, and the call
  ///     returns.
  /// - Returns: whether the cache is complete.
  /// - Throws: `notFinite`; `value` of a hidden state that is too large; or `file` with what the disk refuses, or where
  ///   another process writes the cache.
  @discardableResult
  public func record(
    into folder: TeacherCacheFolder, _ handler: (TeacherCacheProgress) -> TrainingDirective = { _ in .continue }
  ) throws(TeacherCacheError) -> Bool {
    try record(into: folder, from: nil, handler)
  }

  /// The same, where a run has taken down sequences in a journal: the teacher is computed on the others alone.
  func record(
    into folder: TeacherCacheFolder, from journal: TeacherCacheJournal?,
    _ handler: (TeacherCacheProgress) -> TrainingDirective
  ) throws(TeacherCacheError) -> Bool {
    precondition(folder.description == description, "the folder of another cache")
    return try folder.makeFiles(batchSize: batchSize, handler) { sequences throws(TeacherCacheError) in
      var found: [Int: [UInt8]] = [:]
      if let journal {
        for sequence in sequences { found[sequence] = try journal.bytes(of: sequence) }
      }
      let missing = sequences.filter { found[$0] == nil }
      if !missing.isEmpty {
        for (sequence, bytes) in zip(missing, try bytes(of: missing)) { found[sequence] = bytes }
      }
      return sequences.map { found[$0] ?? [] }
    }
  }

  private var batchSize: Int { max(1, Self.batchTokens / text.sequenceLength) }

  /// The bytes of some sequences.
  private func bytes(of sequences: [Int]) throws(TeacherCacheError) -> [[UInt8]] {
    let batch = text.batch(sequences)
    let counted = batch.countedRows
    guard !counted.isEmpty else { return sequences.map { _ in [] } }
    let states = teacher.hiddenStates(batch.ids, lengths: batch.segments)
    if encoder.method.keepsStates { return try encoder.bytes(of: batch, states: states) }
    let rows = teacher.projection(of: states).mapLogits(rows: counted) { index, logits, _, _ in
      let (place, position) = Int(counted[index]).quotientAndRemainder(dividingBy: batch.length)
      return encoder.row(logits: &logits, sequence: sequences[place], position: position)
    }
    return try encoder.bytes(of: batch, rows: rows)
  }

  /// Random numbers of one token: they depend on nothing else.
  static func generator(seed: UInt64, sequence: Int, position: Int) -> SeededGenerator {
    [UInt64(sequence), UInt64(position)].reduce(SeededGenerator(seed: seed)) { generator, number in
      // each number is hashed with all before it: generators whose seeds lie close together must not run in step
      var generator = generator
      return SeededGenerator(seed: generator.next() ^ number)
    }
  }
}
