import Diagnostics
import LanguageModels
import ModelTraining
import TensorCore

/// Makes the bytes that a cache has of a teacher's pass over some sequences: for one method, temperature and seed. They
/// depend on nothing else, so it does not matter when and in which order the sequences come.
struct TeacherCacheEncoder: Sendable {
  let method: TeacherCacheMethod
  private let coding: TeacherCacheRowCoding
  private let temperature: Float
  private let seed: UInt64

  /// How hidden states are kept. Of the types of 16 bits float16 has the more digits, and a state after the final norm
  /// does not need the larger range of bfloat16.
  static let stateEncoding = MatrixEncoding.plain(.float16)

  /// For the method and temperature of a cache.
  init(_ description: TeacherCacheDescription, _ method: TeacherCacheMethod) {
    self.method = method
    coding = TeacherCacheRowCoding(method, vocabularySize: description.vocabularySize)
    temperature = description.temperature
    seed = description.seed ?? 0
  }

  /// What the method keeps of the distribution of a counted token, whose logits [V] are overwritten; nil where they are
  /// not finite. Several threads call it at the same time.
  func row(logits: inout MutableSpan<Float>, sequence: Int, position: Int) -> TeacherCacheRow? {
    TeacherCacheRow(
      method, logits: &logits, temperature: temperature,
      generator: TeacherCacheRecorder.generator(seed: seed, sequence: sequence, position: position))
  }

  /// The bytes of each sequence of a batch from the rows of its counted tokens. Throws `notFinite` where a row is
  /// missing.
  func bytes(of batch: TokenBatch, rows: [TeacherCacheRow?]) throws(TeacherCacheError) -> [[UInt8]] {
    var found: [[TeacherCacheRow]] = batch.sequences.map { _ in [] }
    for (row, index) in zip(rows, batch.countedRows) {
      let (place, position) = Int(index).quotientAndRemainder(dividingBy: batch.length)
      guard let row else { throw .notFinite(sequence: batch.sequences[place], position: position) }
      found[place].append(row)
    }
    return found.map { coding.bytes(of: $0) }
  }

  /// The bytes of each sequence of a batch from the teacher's final hidden states [N, Ct]. Throws `notFinite`, or
  /// `value` where a state is too large for the type that it is kept in.
  func bytes(of batch: TokenBatch, states: Tensor) throws(TeacherCacheError) -> [[UInt8]] {
    let limit = Self.stateEncoding.largest ?? .greatestFiniteMagnitude
    let counted = batch.countedRows
    let values = states.gatheringRows(counted).array()
    if let index = values.firstIndex(where: { !(abs($0) <= limit) }) {
      let (place, position) = Int(counted[index / states.columns]).quotientAndRemainder(dividingBy: batch.length)
      guard values[index].isFinite else { throw .notFinite(sequence: batch.sequences[place], position: position) }
      throw .value(
        InvalidValue(
          "method", expected: "hidden states of at most \(Int(limit)) in size, the range of float16",
          found: "\(values[index])", advice: "use the method sampled"))
    }
    var start = 0
    return (0..<batch.batchSize).map { place in
      let tokens = batch.targets[place * batch.length..<(place + 1) * batch.length].count { $0 >= 0 }
      defer { start += tokens * states.columns }
      return Self.stateEncoding.encode(Array(values[start..<start + tokens * states.columns]), on: states.device)
    }
  }
}
