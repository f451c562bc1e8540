import Diagnostics
import DurableFiles
import Foundation

/// A regular expression that completions must match, perhaps with the same answer as a reference.
///
/// The answer in a text is what the first group captures in the first match, or the whole match where there is no
/// group; white space around it does not count. With `#### (-?[0-9.,]+)` that is the answer of GSM8K (Cobbe et al.
/// 2021).
public struct AnswerPattern: Sendable {
  /// The regular expression, as ICU and NSRegularExpression understand it.
  public let pattern: String
  /// The field of a prompt's record that holds the reference; without one, completions only have to match.
  public let referenceField: String?
  private let expression: NSRegularExpression

  /// Throws `value` where `pattern` is no regular expression.
  public init(_ pattern: String, reference field: String? = nil) throws(CompletionError) {
    do { expression = try NSRegularExpression(pattern: pattern) } catch {
      throw .value(InvalidValue("--keep-matching", expected: "a regular expression", found: "\"\(pattern)\""))
    }
    self.pattern = pattern
    referenceField = field
  }

  /// The answer in `text`; nil where nothing matches.
  public func answer(in text: String) -> String? {
    let whole = NSRange(text.startIndex..., in: text)
    guard let match = expression.firstMatch(in: text, range: whole) else { return nil }
    let groups = (1..<max(1, match.numberOfRanges)).map { match.range(at: $0) }
    let range = groups.first { $0.location != NSNotFound } ?? match.range
    return Range(range, in: text).map { text[$0].trimmingCharacters(in: .whitespacesAndNewlines) }
  }

  /// Whether a completion of `record` has a match and, if there is a reference, the reference's answer.
  func accepts(_ completion: String, of record: PromptRecord) -> Bool {
    guard let answer = answer(in: completion) else { return false }
    guard let referenceField else { return true }
    return (try? reference(of: record, field: referenceField)) == answer
  }

  /// Checks that the completions of `record` can be compared. Throws `noReference`.
  func requireReference(in record: PromptRecord) throws(CompletionError) {
    if let referenceField { _ = try reference(of: record, field: referenceField) }
  }

  private func reference(of record: PromptRecord, field: String) throws(CompletionError) -> String {
    guard case .string(let text) = record.fields[field] else {
      throw .noReference(prompt: record.name, field: field, pattern: nil)
    }
    guard let answer = answer(in: text) else {
      throw .noReference(prompt: record.name, field: field, pattern: pattern)
    }
    return answer
  }
}
