public import ArgumentParser
public import Distillation

/// A schedule as text: `2`, `linear:4..1` or `cosine:0.9..0.1`.
extension Schedule: ExpressibleByArgument {
  /// The schedule that the text says.
  public init?(argument: String) {
    if let value = Float(argument), value.isFinite {
      self = .constant(value)
      return
    }
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    let ends = parts.count == 2 ? parts[1].split(separator: "..", omittingEmptySubsequences: false) : []
    guard ends.count == 2, let start = Float(ends[0]), let end = Float(ends[1]), start.isFinite, end.isFinite else {
      return nil
    }
    switch parts[0] {
    case "linear": self = .linear(from: start, to: end)
    case "cosine": self = .cosine(from: start, to: end)
    default: return nil
    }
  }

  /// What a schedule may look like.
  public static var allValueStrings: [String] { ["a number", "linear:from..to", "cosine:from..to"] }

  /// The text that gives the schedule again.
  public var defaultValueDescription: String { description }
}

extension TokenWeighting: ExpressibleByArgument {}
