import Foundation
public import ModelTraining

/// A weight or a temperature over the steps of a run: constant, or from its first step's value to its last step's.
public enum Schedule: Sendable, Equatable {
  /// The same at every step.
  case constant(Float)
  /// In equal steps.
  case linear(from: Float, to: Float)
  /// Along half a cosine, flat at both ends.
  case cosine(from: Float, to: Float)

  /// The value at the first step.
  public var start: Float {
    switch self {
    case .constant(let value), .linear(let value, _), .cosine(let value, _): value
    }
  }

  /// The value at the last step, and in a run of one step.
  public var end: Float {
    switch self {
    case .constant(let value), .linear(_, let value), .cosine(_, let value): value
    }
  }

  /// Whether the value changes.
  public var isConstant: Bool { start == end }

  /// All values lie between those at the ends.
  public var bounds: ClosedRange<Float> { min(start, end)...max(start, end) }

  /// The value at a step of a run of S steps; the progress of step s is (s − 1)/(S − 1).
  public func value(at position: StepPosition) -> Float {
    guard position.step < position.totalSteps else { return end }
    let progress = Double(position.step - 1) / Double(position.totalSteps - 1)
    let share =
      switch self {
      case .constant: 0.0
      case .linear: progress
      case .cosine: (1 - cos(.pi * progress)) / 2
      }
    return Float(Double(start) + (Double(end) - Double(start)) * share)
  }
}

extension Schedule: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  /// A constant.
  public init(floatLiteral value: Float) { self = .constant(value) }

  /// A constant.
  public init(integerLiteral value: Int) { self = .constant(Float(value)) }
}

extension Schedule: CustomStringConvertible {
  /// As on the command line: `2`, `linear:4..1` or `cosine:0.9..0.1`.
  public var description: String {
    func text(_ value: Float) -> String { Int(exactly: value).map { "\($0)" } ?? "\(value)" }
    return switch self {
    case .constant(let value): text(value)
    case .linear(let start, let end): "linear:\(text(start))..\(text(end))"
    case .cosine(let start, let end): "cosine:\(text(start))..\(text(end))"
    }
  }
}
