import Diagnostics
import DurableFiles
public import Foundation
public import ModelTraining
public import TensorCore
public import Tokenization

/// A teacher that ran in another program, which wrote down its distributions and the tokens that they are of.
public protocol RecordedTeacher: Sendable {
  /// The file.
  var url: URL { get }
  /// Stands for all that the file holds.
  var digest: String { get }
  /// V, the number of the teacher's outputs.
  var vocabularySize: Int { get }
  /// What the teacher read, each with all ids that it was fed; an id counts where its distribution is there.
  var documents: [TokenizedDocument] { get }
  /// The least T with which no document is cut, and the T that is best.
  var sequenceLength: Int { get }
  /// The mean of −log p of the ids that count, in nats; nil where the file has not all of them.
  var crossEntropy: Double? { get }
  /// How many tokens of every distribution the file has at least; nil where it has all.
  var listedCount: Int? { get }

  /// Checks that a method and a temperature can be had of this file. Throws `value`.
  func requireFit(_ method: TeacherCacheMethod, temperature: Float) throws(TeacherCacheError)
  /// What a method keeps of the distribution of a document's id at `place`, which counts. `generator` is of this id
  /// alone. Several threads call it at the same time. Throws `value` where the file is damaged.
  func row(
    document: Int, place: Int, _ method: TeacherCacheMethod, temperature: Float, generator: SeededGenerator
  ) throws(TeacherCacheError) -> TeacherCacheRow
}

/// Makes a cache of what a teacher that ran elsewhere wrote down. The cache holds the text itself, as ids, for the
/// student must be fed exactly what the teacher was.
///
/// Its bytes depend on the file, the tokenizer, method, temperature and seed alone.
public struct TeacherCacheImporter: Sendable {
  /// What the cache is made from.
  public let description: TeacherCacheDescription
  /// The text, in the sequences of the cache: documents side by side, each with attention of its own.
  public let text: PackedSequences
  private let teacher: any RecordedTeacher
  private let method: TeacherCacheMethod
  private let seed: UInt64
  private let tokens: NamedFile
  /// Where each document begins in the text, ascending.
  private let starts: [Int]

  /// Sequences between two looks at the progress.
  private static let batchSize = 8

  /// - Parameters:
  ///   - teacher: what was written down.
  ///   - tokenizer: what makes its ids.
  ///   - method: what is kept of each distribution.
  ///   - temperature: τ, in `DistillationObjective.allowedTemperatures`; 1 by default.
  ///   - seed: determines what is drawn.
  ///   - sequenceLength: T; by default the teacher's.
  /// - Throws: `value`, where method, temperature or length do not fit.
  public init(
    _ teacher: any RecordedTeacher, tokenizer: any Tokenizer, method: TeacherCacheMethod, temperature: Float = 1,
    seed: UInt64 = 0, sequenceLength: Int? = nil
  ) throws(TeacherCacheError) {
    do { try Schedule.constant(temperature).requireTemperature() } catch { throw .value(error) }
    guard !method.keepsStates else {
      throw .value(
        InvalidValue(
          teacher.url.path, "method", expected: "one that keeps distributions, which is all that was written down",
          found: method.name))
    }
    try TeacherCacheRecorder.requireFit(method, vocabularySize: teacher.vocabularySize)
    try teacher.requireFit(method, temperature: temperature)
    let length = sequenceLength ?? teacher.sequenceLength
    guard length >= teacher.sequenceLength else {
      throw .value(.sequenceLength(length, below: teacher.sequenceLength, of: teacher.url.path))
    }
    let documents = teacher.documents
    do throws(TrainingError) {
      text = try PackedSequences(
        TokenArray(documents), sequenceLength: length, packing: TeacherCacheDescription.packingOfOwnText,
        name: teacher.url.path)
    } catch {
      throw .value(.noDistributions(in: teacher.url.path))
    }
    let contents = TokenFile.contents(of: documents, tokenizer: tokenizer)
    tokens = NamedFile(name: TeacherCacheFolder.textFileName, contents: contents)
    starts = documents.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.ids.count) }
    (self.teacher, self.method, self.seed) = (teacher, method, seed)
    description = TeacherCacheDescription(
      method: method, seed: seed, temperature: temperature, teacher: teacher.digest,
      teacherPrecision: "as recorded", tokenizer: tokenizer.digest.hexadecimal, tokens: text.digest(),
      vocabularySize: teacher.vocabularySize, sequenceLength: length, sequenceCount: text.count,
      text: Digest.sha256(of: contents))
  }

  /// Makes what is missing, on the threads of a device; see `TeacherCacheRecorder.record(into:_:)`.
  /// - Throws: `value` where the teacher's file is damaged; `file` with what the disk refuses.
  @discardableResult
  public func record(
    into folder: TeacherCacheFolder, on device: Device = .shared,
    _ handler: (TeacherCacheProgress) -> TrainingDirective = { _ in .continue }
  ) throws(TeacherCacheError) -> Bool {
    precondition(folder.description == description, "the folder of another cache")
    try folder.writeText(tokens)
    return try folder.makeFiles(batchSize: Self.batchSize, handler) { sequences throws(TeacherCacheError) in
      var bytes: [[UInt8]] = []
      for sequence in sequences { bytes.append(folder.coding.bytes(of: try rows(of: sequence, on: device))) }
      return bytes
    }
  }

  private func rows(of sequence: Int, on device: Device) throws(TeacherCacheError) -> [TeacherCacheRow] {
    let positions = text.countedPositions(ofSequence: sequence)
    let results = device.map(positions.count) { index in
      let document = starts.lastIndex(notAbove: positions[index])
      return Result { () throws(TeacherCacheError) in
        try teacher.row(
          document: document, place: positions[index] - starts[document], method,
          temperature: description.temperature,
          generator: TeacherCacheRecorder.generator(seed: seed, sequence: sequence, position: index))
      }
    }
    var rows: [TeacherCacheRow] = []
    for result in results { rows.append(try result.get()) }
    return rows
  }
}

extension [Int] {
  /// The index of the last element that is not above `value`; the elements ascend, and the first is not above it.
  fileprivate func lastIndex(notAbove value: Int) -> Int {
    var (low, high) = (0, count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if self[middle] <= value { low = middle } else { high = middle }
    }
    return low
  }
}
