import Foundation
public import LanguageModels
import ModelEvaluation

/// Which shapes a search tries, one after another: first spread evenly over the logarithm of the size, each time
/// another trade of layers against width; then between the best of those that were tried.
public struct ShapeSpread: Sendable {
  /// A shape that was tried.
  public struct Trial: Sendable {
    /// The shape.
    public let plan: StudentPlan
    /// How well it did; less is better.
    public let loss: Double

    /// A trial, as the properties say.
    public init(plan: StudentPlan, loss: Double) { (self.plan, self.loss) = (plan, loss) }
  }

  private let teacher: DecoderConfiguration
  private let importance: LayerImportance
  private let sizes: ClosedRange<Int>
  private let count: Int
  private let isPossible: @Sendable (DecoderConfiguration) -> Bool

  /// - Parameters:
  ///   - teacher: what shapes are cut out of.
  ///   - importance: of its layers.
  ///   - sizes: numbers of weights, from the least that some shape has.
  ///   - count: how many shapes will be tried; half of them are spread.
  ///   - isPossible: whether a model may have these sizes; by default it may.
  public init(
    of teacher: DecoderConfiguration, _ importance: LayerImportance, sizes: ClosedRange<Int>, count: Int,
    isPossible: @escaping @Sendable (DecoderConfiguration) -> Bool = { _ in true }
  ) {
    (self.teacher, self.importance, self.sizes, self.count, self.isPossible) = (
      teacher, importance, sizes, count, isPossible
    )
  }

  /// How many are spread before any result counts.
  public var spreadCount: Int { (count + 1) / 2 }

  /// The shape to try after some others, in the order in which they were; the same trials give the same shape. Nil
  /// where there is none left.
  public func next(after trials: [Trial]) -> StudentPlan? {
    let tried = trials.map(\.plan.configuration)
    let index = trials.count
    func untried(_ size: Double) -> [StudentPlan] {
      PruningBudget(limit: size, isPossible: isPossible) { Double($0.weightCount ?? .max) }
        .plans(of: teacher, importance).filter { !tried.contains($0.configuration) }
    }
    if index < spreadCount {
      let place = spreadCount == 1 ? 0.5 : Double(index) / Double(spreadCount - 1)
      let plans = untried(between(Double(sizes.lowerBound), Double(sizes.upperBound), place))
        .sorted { Self.depthToWidth($0) < Self.depthToWidth($1) }
      // multiples of the golden ratio, less whole numbers, lie evenly in 0..<1
      let fraction = (Double(index + 1) * 0.618_033_988_749_895).truncatingRemainder(dividingBy: 1)
      if !plans.isEmpty { return plans[Int(fraction * Double(plans.count))] }
    }
    for gap in gaps(trials) {
      let plans = untried(gap.size)
      if let nearest = plans.min(by: { gap.distance($0) < gap.distance($1) }) { return nearest }
    }
    // nothing is left beside the best: anything of these sizes
    return untried(Double(sizes.upperBound)).first ?? untried(Double(sizes.lowerBound)).first
  }

  /// Where a better shape may lie: a size between two neighbours on the front, and the better shape of the two.
  private struct Gap {
    let size, width: Double
    let model: StudentPlan

    /// How far a shape is from the model in its trade of layers against width.
    func distance(_ plan: StudentPlan) -> Double {
      abs(log(ShapeSpread.depthToWidth(plan) / ShapeSpread.depthToWidth(model)))
    }
  }

  /// The gaps of the front, the widest first, its ends among them.
  private func gaps(_ trials: [Trial]) -> [Gap] {
    func size(_ trial: Trial) -> Double { Double(trial.plan.configuration.weightCount ?? .max) }
    let front = ParetoFront.indices(of: trials.map { [size($0), $0.loss] }).map { trials[$0] }
      .sorted { size($0) < size($1) }
    guard let last = front.last else { return [] }
    let inner = zip(front, front.dropFirst()).map { lower, upper in
      Gap(size: between(size(lower), size(upper), 0.5), width: log(size(upper) / size(lower)), model: upper.plan)
    }
    let end = Gap(
      size: Double(sizes.upperBound), width: log(Double(sizes.upperBound) / size(last)) + 0.1, model: last.plan)
    return (inner + [end]).enumerated().sorted {
      $0.element.width == $1.element.width ? $0.offset < $1.offset : $0.element.width > $1.element.width
    }.map(\.element)
  }

  /// Between two sizes, evenly in their logarithm.
  private func between(_ low: Double, _ high: Double, _ place: Double) -> Double {
    (low * pow(high / low, place)).rounded()
  }

  private static func depthToWidth(_ plan: StudentPlan) -> Double {
    Double(plan.layers.count) / Double(plan.configuration.hiddenSize)
  }
}
