import Diagnostics
import DurableFiles
import Foundation
public import ModelEvaluation
import Tokenization

/// A text that a run is measured on, in the same windows, and so with the same numbers, as `Perplexity` measures it:
/// disjoint windows of T tokens within each document, each fed BOS and its tokens but the last. Only windows with
/// tokens that count are sequences.
public struct ValidationText: TokenSequences {
  /// What errors call the text: its path.
  public let name: String
  /// T
  public let sequenceLength: Int
  private let text: EvaluationText
  private let beginningID: Int32?
  private let windows: EvaluationWindows
  /// Which part each document is of; empty where there is one part.
  private let documentParts: [Int]
  /// The number of parts of the text to learn, by which documents are told apart; 1 unless teachers are chosen by them.
  public let partCount: Int

  /// A text in windows of T tokens.
  /// - Parameters:
  ///   - text: the text.
  ///   - sequenceLength: T.
  ///   - name: what errors call the text: its path.
  ///   - beginningID: BOS, where the text's tokenizer has none: the model's.
  ///   - documentParts: of which part of the text to learn each document is, by its teacher; by default all are of one.
  ///   - partCount: the number of these parts, 1 by default.
  /// - Throws: `nothingCounted` where no token counts; `value` for a length that is not positive, or without a BOS.
  public init(
    _ text: EvaluationText, sequenceLength: Int, name: String, beginningID: Int32? = nil, documentParts: [Int] = [],
    partCount: Int = 1
  ) throws(TrainingError) {
    precondition(
      documentParts.allSatisfy((0..<partCount).contains)
        && (documentParts.isEmpty ? partCount == 1 : documentParts.count == text.documents.count),
      "documents of parts \(documentParts) of \(partCount)")
    guard sequenceLength > 0 else {
      throw .value(InvalidValue("sequence-length", expected: "a whole number above 0", found: "\(sequenceLength)"))
    }
    do throws(EvaluationError) {
      windows = try EvaluationWindows(text, window: sequenceLength, beginningID: beginningID)
    } catch .emptyText, .nothingCounted {
      throw .nothingCounted(text: name)
    } catch {
      throw .value(
        InvalidValue(
          name, "BOS",
          expected:
            "a token to begin windows with, BOS of the tokenizer or bos_token_id or eos_token_id in config.json",
          found: "none", advice: "add the id of a token that stands before texts to config.json"))
    }
    self.name = name
    self.sequenceLength = sequenceLength
    self.text = text
    self.beginningID = text.beginningID ?? beginningID
    self.documentParts = documentParts
    self.partCount = partCount
  }

  /// At fixed places, with BOS in front.
  public var packing: SequencePacking { SequencePacking(.fixed, beginningID: beginningID) }

  /// The number of windows.
  public var count: Int { windows.count }

  /// The number of tokens that count.
  public var countedTokens: Int { windows.scoredTokens }

  /// The windows with the given numbers; those shorter than the longest are filled up behind their end.
  public func batch(_ indices: [Int]) -> TokenBatch {
    let batch = windows.batch(indices)
    var targets = [Int32](repeating: -1, count: batch.ids.count)
    for (row, target) in zip(batch.rows, batch.targets) { targets[Int(row)] = target }
    return TokenBatch(
      ids: batch.ids, targets: targets, batchSize: indices.count, sequences: indices,
      parts: documentParts.isEmpty ? [] : indices.map { documentParts[windows.document(ofWindow: $0)] })
  }

  /// A digest of all documents, of which tokens count, of BOS and of T.
  public func digest() -> String {
    var parts = ["\(sequenceLength)", "\(beginningID ?? -1)"]
    for document in text.documents {
      var bytes: [UInt8] = []
      bytes.reserveCapacity(4 * document.ids.count)
      for id in document.ids {
        for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: id >> shift)) }
      }
      parts.append(Digest.sha256(of: Data(bytes)))
      parts.append(document.counted.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ","))
    }
    return Digest.sha256(of: Data(parts.joined(separator: "\n").utf8))
  }

  /// The number of tokens that count in the first `count` windows, or in all.
  func countedTokens(ofFirst count: Int?) -> Int { windows.scoredTokens(ofFirst: count) }

  /// The numbers of the first `count` windows, or of all, in groups to be computed together.
  func groups(first count: Int?) -> [[Int]] { windows.groups(first: count) }

  /// Throws `value` where an id is none of a model with a vocabulary of this size.
  func requireTokens(below vocabularySize: Int) throws(TrainingError) {
    do { try text.requireTokens(below: vocabularySize, name: name, beginningID: beginningID) } catch {
      throw .value(
        InvalidValue(
          name, "token id", expected: "0 to \(vocabularySize - 1), the model's vocabulary", found: error.foundID,
          advice: "it was tokenised for another model"))
    }
  }
}

extension EvaluationError {
  /// The id that an error is about.
  fileprivate var foundID: String {
    if case .tokenOutsideVocabulary(_, let id, _, _) = self { "\(id)" } else { description }
  }
}
