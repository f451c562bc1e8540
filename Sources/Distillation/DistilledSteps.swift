public import ModelTraining

/// In which steps of a run the student learns from its teacher. In the others it learns from the text alone, by
/// cross-entropy of weight 1, and no teacher is computed.
///
/// A teacher is worth most at the beginning: distilling the first 20 to 50 % of the steps is about as good as all of
/// them, in less time (Blakeney et al. 2022, arXiv 2211.00683).
public enum DistilledSteps: Sendable, Equatable {
  /// In all of them.
  case all
  /// In the first ones.
  case first(Count)
  /// In the last ones.
  case last(Count)

  /// How many steps.
  public enum Count: Sendable, Equatable {
    /// So many; all of a shorter run.
    case steps(Int)
    /// A part of all, above 0 and at most 1, rounded, but one step at least.
    case share(Double)

    /// The number of steps in a run of `total`.
    func value(of total: Int) -> Int {
      switch self {
      case .steps(let count): min(count, total)
      case .share(let share): min(total, max(1, Int((share * Double(total)).rounded())))
      }
    }
  }

  /// Whether the student learns from its teacher in a step.
  public func contains(_ position: StepPosition) -> Bool {
    switch self {
    case .all: true
    case .first(let count): position.step <= count.value(of: position.totalSteps)
    case .last(let count): position.step > position.totalSteps - count.value(of: position.totalSteps)
    }
  }

  /// Whether the kind of a step depends on how many steps there are.
  var dependsOnTotalSteps: Bool {
    switch self {
    case .all, .first(.steps): false
    case .first(.share), .last: true
    }
  }
}

extension DistilledSteps.Count: CustomStringConvertible {
  /// As on the command line: `200` or `30%`.
  public var description: String {
    switch self {
    case .steps(let count): return "\(count)"
    case .share(let share):
      // 0.07 · 100 is not 7
      let percent = (share * 1e12).rounded() / 1e10
      return (Int(exactly: percent).map { "\($0)" } ?? "\(percent)") + "%"
    }
  }
}
