import LanguageModels
import ModelTraining
import TensorCore

/// Takes down what a teacher says of the sequences that a student learns from it, in whatever order they come.
final class TeacherCacheRecording {
  let encoder: TeacherCacheEncoder
  let journal: TeacherCacheJournal
  /// What stopped it: nothing is taken down any more.
  private(set) var failure: TeacherCacheError?

  init(_ encoder: TeacherCacheEncoder, into journal: TeacherCacheJournal) {
    (self.encoder, self.journal) = (encoder, journal)
  }

  /// Whether there is something to take down of a batch.
  func needs(_ batch: TokenBatch) -> Bool {
    failure == nil && batch.sequences.contains { !journal.has($0) }
  }

  /// Takes down a batch, where the method keeps hidden states [N, Ct].
  func take(_ batch: TokenBatch, states: Tensor) {
    append(batch) { () throws(TeacherCacheError) in try encoder.bytes(of: batch, states: states) }
  }

  /// Takes down a batch from the rows of its counted tokens, where the method makes them of logits.
  func take(_ batch: TokenBatch, rows: [TeacherCacheRow?]) {
    append(batch) { () throws(TeacherCacheError) in try encoder.bytes(of: batch, rows: rows) }
  }

  private func append(_ batch: TokenBatch, _ bytes: () throws(TeacherCacheError) -> [[UInt8]]) {
    do throws(TeacherCacheError) {
      for (sequence, bytes) in zip(batch.sequences, try bytes()) where !journal.has(sequence) {
        try journal.append(bytes, of: sequence)
      }
    } catch {
      failure = error
    }
  }
}
