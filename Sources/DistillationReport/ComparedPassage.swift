import Foundation
public import ModelEvaluation
public import Tokenization

/// A stretch of a text with what teacher and students say of each of its tokens.
public struct ComparedPassage: Sendable, Equatable {
  /// A token of the text.
  public struct Token: Sendable, Equatable {
    /// The text that it adds; empty in the middle of a character.
    public var text: String
    /// The teacher's probability of it.
    public var teacherProbability: Double
    /// The text of the teacher's most probable token.
    public var teacherTop: String
    /// What each student says, in the order of the comparison.
    public var students: [StudentToken]
  }

  /// What a student says of a token.
  public struct StudentToken: Sendable, Equatable {
    /// KL(p‖q), in nats.
    public var divergence: Double
    /// The student's probability of the token.
    public var probability: Double
    /// The text of the student's most probable token.
    public var top: String
  }

  /// The place of its first token among the tokens of the text that count.
  public var position: Int
  /// Its tokens, in the order of the text.
  public var tokens: [Token]
}

extension ComparedPassage {
  /// The most typical stretch of a comparison: of all that begin with a window, the one whose mean KL, over tokens and
  /// students, is the median.
  /// - Parameters:
  ///   - comparison: teacher and students, token by token.
  ///   - length: how many tokens it has, if there are as many in a window and in the text.
  ///   - tokenizer: what made the ids.
  public init(typicalOf comparison: TokenComparison, length: Int, tokenizer: any Tokenizer) {
    let stretches = Self.stretches(of: comparison, length: length)
    let divergences = stretches.map { stretch in
      comparison.students.reduce(0) { $0 + $1.divergences[stretch].reduce(0, +) } / Double(stretch.count)
    }
    let order = stretches.indices.sorted { (divergences[$0], $0) < (divergences[$1], $1) }
    self.init(stretches[order[(order.count - 1) / 2]], of: comparison, tokenizer: tokenizer)
  }

  /// A stretch of a comparison's tokens; `range` counts those of the text that count, and must lie in it.
  public init(_ range: Range<Int>, of comparison: TokenComparison, tokenizer: any Tokenizer) {
    let ids = comparison.text.countedIDs[range]
    var decoder = StreamingDecoder(tokenizer)
    position = range.lowerBound
    tokens = zip(range, ids).map { position, id in
      Token(
        text: decoder.append(id), teacherProbability: exp(-comparison.students[0].teacherNats[position]),
        teacherTop: tokenizer.text(ofOutput: comparison.students[0].teacherTops[position]),
        students: comparison.students.map { scores in
          StudentToken(
            divergence: scores.divergences[position], probability: exp(-scores.studentNats[position]),
            top: tokenizer.text(ofOutput: scores.studentTops[position]))
        })
    }
    // What an incomplete character leaves at the end belongs to the last token.
    if !tokens.isEmpty { tokens[tokens.count - 1].text += decoder.finish() }
  }

  /// The beginnings of windows, `length` tokens of each, of those that count, without a gap; shorter ones only where
  /// there are no others.
  private static func stretches(of comparison: TokenComparison, length: Int) -> [Range<Int>] {
    let most = min(length, comparison.window)
    var stretches: [Range<Int>] = []
    var position = 0
    for document in comparison.text.documents {
      for start in stride(from: 0, to: document.ids.count, by: comparison.window) {
        let counted = document.counted(in: start..<min(start + comparison.window, document.ids.count))
        if let first = counted.first { stretches.append(position..<position + min(first.count, most)) }
        position += counted.reduce(0) { $0 + $1.count }
      }
    }
    let longest = stretches.map(\.count).max() ?? 0
    return stretches.filter { $0.count == longest }
  }
}

extension Tokenizer {
  /// What an output says of itself when it stands alone. A model may have more outputs than the tokenizer has tokens.
  fileprivate func text(ofOutput id: Int32) -> String {
    (0..<vocabularySize).contains(Int(id)) ? text(of: id) : "output \(id)"
  }
}
