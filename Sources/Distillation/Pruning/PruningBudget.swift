public import LanguageModels

/// What a student may cost: weights, bytes of a file, seconds per generated token, or anything else that does not fall
/// as a size grows.
public struct PruningBudget: Sendable {
  /// The cost of a model of these sizes.
  public let cost: @Sendable (DecoderConfiguration) -> Double
  /// The most that it may be.
  public let limit: Double
  /// Whether a model may have these sizes, for other reasons: those of its family.
  public let isPossible: @Sendable (DecoderConfiguration) -> Bool

  /// A budget, as the properties say; by default all sizes are possible.
  public init(
    limit: Double, isPossible: @escaping @Sendable (DecoderConfiguration) -> Bool = { _ in true },
    cost: @escaping @Sendable (DecoderConfiguration) -> Double
  ) {
    (self.limit, self.isPossible, self.cost) = (limit, isPossible, cost)
  }

  /// A shape that uses less than this share of the budget is none, where others use more.
  private static let leastUse = 0.85
  /// The most numbers of layers, channels and heads that are tried.
  private static let (mostLayerCounts, mostWidths, mostHeadCounts) = (5, 6, 4)

  /// Plans for students that cost no more than the limit, and not much less: numbers of layers, channels and heads
  /// between a quarter of the teacher's and all, each with as many neurons as fit, at least an eighth of the teacher's.
  /// Layers stay by importance. Sizes are multiples of 32 where the teacher's are, so that blocks of files fill rows.
  /// - Returns: the plans; empty where even the smallest costs more.
  public func plans(of teacher: DecoderConfiguration, _ importance: LayerImportance) -> [StudentPlan] {
    let found = plansWithinLimit(of: teacher, importance).map { (plan: $0, cost: cost($0.configuration)) }
    let most = found.map(\.cost).max() ?? 0
    return found.filter { $0.cost >= Self.leastUse * min(limit, most) }.map(\.plan)
  }

  /// The cost of the cheapest shape that is tried: limits below it give no plans.
  public func leastCost(of teacher: DecoderConfiguration) -> Double {
    let importance = LayerImportance(losses: Array(repeating: 0, count: teacher.layerCount))
    let unlimited = PruningBudget(limit: .infinity, isPossible: isPossible, cost: cost)
    return unlimited.shapes(of: teacher).compactMap { shape in
      shape.neurons.lazy.compactMap { try? shape.plan(of: teacher, importance, neurons: $0).configuration }
        .first(where: isPossible).map(cost)
    }.min() ?? .infinity
  }

  private func plansWithinLimit(of teacher: DecoderConfiguration, _ importance: LayerImportance) -> [StudentPlan] {
    shapes(of: teacher).compactMap { shape in
      func plan(_ index: Int) -> StudentPlan? {
        try? shape.plan(of: teacher, importance, neurons: shape.neurons[index])
      }
      func fits(_ index: Int) -> Bool { plan(index).map { cost($0.configuration) <= limit } ?? false }
      // the cost grows with the neurons: the last that fits
      var (low, high) = (-1, shape.neurons.count - 1)
      while low < high {
        let middle = (low + high + 1) / 2
        if fits(middle) { low = middle } else { high = middle - 1 }
      }
      guard low >= 0, let best = plan(low), isPossible(best.configuration), best.configuration != teacher else {
        return nil
      }
      return best
    }
  }

  /// Sizes without a number of neurons, and the numbers that may be chosen, ascending.
  private struct Shape {
    let layerCount, channels, heads, keyValueHeads: Int
    let neurons: [Int]

    func plan(
      of teacher: DecoderConfiguration, _ importance: LayerImportance, neurons: Int
    ) throws(StudentPlanError) -> StudentPlan {
      try StudentPlan(
        of: teacher, layers: importance.most(layerCount), hiddenSize: channels, feedForwardSize: neurons,
        headCount: heads, keyValueHeadCount: keyValueHeads)
    }
  }

  private func shapes(of teacher: DecoderConfiguration) -> [Shape] {
    let layerCounts = Self.choices(from: (teacher.layerCount + 3) / 4, to: teacher.layerCount, Self.mostLayerCounts)
    let unit = Self.unit(of: teacher.hiddenSize)
    let widths = Self.choices(from: (teacher.hiddenSize / unit + 3) / 4, to: teacher.hiddenSize / unit, Self.mostWidths)
      .map { $0 * unit }
    let neuronUnit = Self.unit(of: teacher.feedForwardSize)
    let neurons = Array(
      stride(
        from: (teacher.feedForwardSize / neuronUnit + 7) / 8 * neuronUnit, through: teacher.feedForwardSize,
        by: neuronUnit))
    let group = teacher.headCount / teacher.keyValueHeadCount
    // whole groups of heads go; of a single group, some of its heads
    let heads =
      teacher.keyValueHeadCount > 1
      ? Self.choices(from: (teacher.keyValueHeadCount + 3) / 4, to: teacher.keyValueHeadCount, Self.mostHeadCounts)
        .map { (heads: $0 * group, keyValueHeads: $0) }
      : Self.choices(from: (group + 3) / 4, to: group, Self.mostHeadCounts).map { (heads: $0, keyValueHeads: 1) }
    return layerCounts.flatMap { layerCount in
      widths.flatMap { width in
        heads.map {
          Shape(
            layerCount: layerCount, channels: width, heads: $0.heads, keyValueHeads: $0.keyValueHeads, neurons: neurons)
        }
      }
    }
  }

  /// At most `count` whole numbers of a range, evenly spread, both ends among them.
  private static func choices(from first: Int, to last: Int, _ count: Int) -> [Int] {
    let steps = min(count, last - first + 1) - 1
    guard steps > 0 else { return [last] }
    return (0...steps).map { first + (2 * $0 * (last - first) + steps) / (2 * steps) }
  }

  /// What sizes are multiples of: a power of 2, up to 32, of which the teacher's size has at least four.
  private static func unit(of size: Int) -> Int {
    [32, 16, 8, 4, 2].first { size.isMultiple(of: $0) && size / $0 >= 4 } ?? 1
  }
}
