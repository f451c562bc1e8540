import CKernels
import Foundation

/// The coefficients of one AdamW step (Loshchilov & Hutter 2019), decay decoupled from the gradient.
public struct AdamWStep: Sendable {
  /// The step's learning rate.
  public var learningRate: Float
  /// β₁, the decay rate of the first moment.
  public var beta1: Float
  /// β₂, the decay rate of the second moment.
  public var beta2: Float
  /// ε, added to the root of the second moment.
  public var epsilon: Float
  /// Decay of the weights that decay, multiplied by the learning rate.
  public var weightDecay: Float
  /// The number of this step, from 1, for the correction of the moments' bias.
  public var number: Int
  /// What the gradients are multiplied by first, such as a clipping factor.
  public var gradientScale: Float

  /// The coefficients, as the properties say.
  public init(
    learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float, number: Int,
    gradientScale: Float
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.number = number
    self.gradientScale = gradientScale
  }
}

/// Elements per chunk of an arena pass: fixed, so that sums have one order.
private let arenaGrain = 1 << 16

extension ParameterStore {
  /// Moves every value one AdamW step along its gradient. The moments have the layout of `values`.
  public func apply(_ step: AdamWStep, firstMoment: Tensor, secondMoment: Tensor) {
    guard let values, let gradients else { preconditionFailure("a frozen model cannot be trained") }
    precondition(firstMoment.count == values.count && secondMoment.count == values.count, "moments of another model")
    let correction1 = Float(1 - pow(Double(step.beta1), Double(step.number)))
    let correction2 = Float(1 - pow(Double(step.beta2), Double(step.number)))
    for (range, decays) in decayRanges() {
      device.parallelRanges(range.count, grain: arenaGrain) { chunk in
        let start = range.lowerBound + chunk.lowerBound
        limbeck_adamw(
          values.pointer + start, firstMoment.pointer + start, secondMoment.pointer + start,
          gradients.pointer + start, step.gradientScale, step.learningRate, step.beta1, step.beta2, step.epsilon,
          decays ? step.weightDecay : 0, correction1, correction2, chunk.count)
      }
    }
  }

  /// Σ g² over all gradients, in a fixed order; NaN or infinite if any gradient is.
  public func gradientSquareSum() -> Double {
    guard let gradients else { return 0 }
    let chunks = (gradients.count + arenaGrain - 1) / arenaGrain
    var sums = [Double](repeating: 0, count: chunks)
    sums.withUnsafeMutableBufferPointer { sums in
      // each chunk writes its own element
      nonisolated(unsafe) let sums = sums
      device.parallelRanges(gradients.count, grain: arenaGrain) { range in
        sums[range.lowerBound / arenaGrain] = limbeck_sum_of_squares(gradients.pointer + range.lowerBound, range.count)
      }
    }
    return sums.reduce(0, +)
  }

  /// The name of the first parameter with a NaN or infinite gradient, in creation order.
  public func firstParameterWithNonFiniteGradient() -> String? {
    parameters.first { parameter in
      guard let gradient = parameter.gradient else { return false }
      return limbeck_first_not_finite(gradient.pointer, gradient.count) < gradient.count
    }?.name
  }

  /// Neighbouring parameters with the same rule of decay, as ranges of the arena.
  private func decayRanges() -> [(range: Range<Int>, decays: Bool)] {
    var ranges: [(range: Range<Int>, decays: Bool)] = []
    var offset = 0
    for parameter in parameters {
      let end = offset + parameter.count
      if let last = ranges.last, last.decays == parameter.decays {
        ranges[ranges.count - 1].range = last.range.lowerBound..<end
      } else {
        ranges.append((offset..<end, parameter.decays))
      }
      offset = end
    }
    return ranges
  }
}
