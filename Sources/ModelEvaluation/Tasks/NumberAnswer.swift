/// The number that a generated answer ends with, as lm-evaluation-harness finds it for GSM8K (Cobbe et al. 2021;
/// lm_eval/tasks/gsm8k/gsm8k.yaml, 0.4.13).
enum NumberAnswer {
  /// What ends a generated text: the next question, and the tokens that end a turn in many models.
  static let stops = ["Question:", "</s>", "<|im_end|>"]

  /// The number behind the first `#### `; nil without one. lm_eval calls this `strict-match`.
  static func strict(in text: String) -> String? {
    let pattern = /#### (-?[0-9.,]+)/.matchingSemantics(.unicodeScalar)
    return text.firstMatch(of: pattern).map { cleaned(String($0.1)) }
  }

  /// The last number; nil without one. lm_eval calls this `flexible-extract`.
  static func flexible(in text: String) -> String? {
    let pattern = /-?[$0-9.,]{2,}|-?[0-9]+/.matchingSemantics(.unicodeScalar)
    return text.matches(of: pattern).last.map { cleaned(String($0.0)) }
  }

  /// The number of a reference: behind its last `#### `, or all of it; nil where that is none.
  static func reference(in text: String) -> String? {
    let answer = cleaned(text).trimmingSpaces
    return answer.wholeMatch(of: /-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)/) == nil ? nil : answer
  }

  /// What is left for the comparison: no commas and dollar signs, nothing up to the last `#### `, no full stop at the
  /// end.
  private static func cleaned(_ text: String) -> String {
    var text = text.filter { $0 != "," && $0 != "$" }
    if let mark = text.ranges(of: "#### ").last { text.removeSubrange(..<mark.upperBound) }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}
