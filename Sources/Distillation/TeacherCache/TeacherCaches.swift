import Diagnostics
import Foundation
public import ModelTraining

/// The caches that a run learns from and is validated by, of whatever method.
public struct TeacherCaches: Sendable {
  /// The teacher on the text to learn.
  public let training: TeacherCache
  /// The teacher on the validation text; nil where there is none.
  public let validation: TeacherCache?

  private var all: [TeacherCache] { [training, validation].compactMap(\.self) }

  /// Checks what a run asks of caches of distributions. Throws `value` where one was made at another temperature;
  /// `needsHead` where one has hidden states; `needsWholeDistribution` where one has only some tokens of each
  /// distribution and these are not enough; `needsLogits` where the objective compares logits.
  func requireDistributions(for objective: ScheduledObjective) throws(TeacherCacheError) {
    for cache in all {
      guard !cache.method.keepsStates else { throw .needsHead(cache: cache.url.path) }
      let temperature = objective.temperature
      let expected = temperature.isConstant ? "\(temperature.end)" : "\(temperature.start) to \(temperature.end)"
      try cache.require("temperature", expected, "\(cache.description.temperature)")
      try objective.requireFit(cache.method, ofCacheAt: cache.url)
    }
  }

  /// Checks that the caches have hidden states of so many channels. Throws `value`.
  func requireStates(channels: Int) throws(TeacherCacheError) {
    for cache in all {
      try cache.require("method", "\(TeacherCacheMethod.hidden(channels: channels))", "\(cache.method)")
    }
  }

  /// Checks that the caches are of a student's tokens. Throws `value`, which says what differs.
  public func requireFit(vocabularySize: Int, tokenizerDigest: String) throws(TeacherCacheError) {
    for cache in all {
      try cache.require("tokenizer digest", tokenizerDigest, cache.description.tokenizer)
      let size = cache.description.vocabularySize
      guard size != vocabularySize else { continue }
      let again = cache.description.text != nil && size < vocabularySize
      throw .value(
        InvalidValue(
          cache.url.path, "vocabulary size", expected: "\(vocabularySize), the student's outputs", found: "\(size)",
          advice: again
            ? "make the cache again: with --from-logprobs, --vocabulary-size \(vocabularySize)"
            : "use what the cache was made with, or make another cache"))
    }
  }

  /// Checks that the caches were made of sequences of so many tokens. Throws `value`.
  public func requireFit(sequenceLength: Int) throws(TeacherCacheError) {
    for cache in all {
      try cache.require("sequence length", "\(sequenceLength)", "\(cache.description.sequenceLength)")
    }
  }

  /// Checks that the caches were made for these texts.
  /// - Parameters:
  ///   - training: the text to learn.
  ///   - validation: the validation text, if there is one.
  /// - Throws: `value`, which says what differs.
  public func requireTexts(
    training: PackedSequences, validation: ValidationText?
  ) throws(TeacherCacheError) {
    let texts: [(TeacherCache?, (any TokenSequences)?)] = [(self.training, training), (self.validation, validation)]
    for (cache, text) in texts {
      guard let cache, let text else { continue }
      try cache.description.requireText(text, of: cache.url)
    }
  }
}

extension ScheduledObjective {
  /// Checks that the distributions of a method are enough. Throws `needsLogits` or `needsWholeDistribution`.
  func requireFit(_ method: TeacherCacheMethod, ofCacheAt url: URL) throws(TeacherCacheError) {
    guard logitsMSEWeight.bounds.upperBound == 0 else { throw .needsLogits(cache: url.path) }
    guard !method.isSparse || takesSparseTeachers else {
      throw .needsWholeDistribution(cache: url.path, method: method.name)
    }
  }
}
