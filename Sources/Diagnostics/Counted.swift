/// A number and what it counts, in the singular or the plural: "1 token", "5 tokens".
/// - Parameters:
///   - number: how many there are.
///   - noun: what there are, in the singular; its plural ends in s.
/// - Returns: both, as text.
package func counted(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
