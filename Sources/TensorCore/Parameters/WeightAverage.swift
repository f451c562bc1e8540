import CKernels

/// The exponential moving average of a trainable model's weights: after each step, average ← d · average +
/// (1 − d) · weights (Polyak & Juditsky 1992).
///
/// In the first steps d is (1 + n)/(10 + n) in step n, where that is less than the decay, as in TensorFlow's
/// `ExponentialMovingAverage`: a short run does not keep the weights that it began with.
public final class WeightAverage {
  /// d, above 0 and below 1.
  public let decay: Float
  /// The average, laid out as the parameters' arena; at first a copy of the weights. While something is computed with
  /// the average, the weights lie here.
  public let values: Tensor
  private let parameters: ParameterStore
  private let weights: Tensor
  private var isInPlace = false

  /// Elements of a task: fixed, though no bit depends on it.
  private static let grain = 1 << 16

  /// An average that begins at the weights of a trainable model, filled.
  public init(of parameters: ParameterStore, decay: Float) {
    guard let weights = parameters.values else { preconditionFailure("a frozen model cannot be trained") }
    precondition(decay > 0 && decay < 1, "a decay of \(decay)")
    self.decay = decay
    self.parameters = parameters
    self.weights = weights
    values = Tensor(uninitialized: [parameters.count], on: parameters.device)
    each { start, count in (values.pointer + start).update(from: weights.pointer + start, count: count) }
  }

  /// Takes in the weights after step `step` of those that are averaged, from 1.
  public func update(step: Int) {
    requireWeights()
    let early = Float(Double(step) + 1) / Float(Double(step) + 10)
    let rate = 1 - min(decay, early)
    each { start, count in limbeck_average(values.pointer + start, weights.pointer + start, rate, count) }
  }

  /// Calls `body` while the average is in the place of the weights, which come back after it, whatever it throws.
  /// `body` must leave them as they are. Nothing is allocated.
  public func withAverage<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    requireWeights()
    exchange()
    isInPlace = true
    defer {
      exchange()
      isInPlace = false
    }
    return try body()
  }

  /// Makes the average the weights, for good.
  public func replaceWeights() {
    requireWeights()
    each { start, count in (weights.pointer + start).update(from: values.pointer + start, count: count) }
  }

  private func requireWeights() {
    precondition(!isInPlace, "the average is in the place of the weights")
    precondition(parameters.values?.storage === weights.storage, "the weights lie elsewhere by now")
  }

  private func exchange() {
    each { start, count in
      let (weight, average) = (weights.pointer + start, values.pointer + start)
      for index in 0..<count { (weight[index], average[index]) = (average[index], weight[index]) }
    }
  }

  private func each(_ body: (_ start: Int, _ count: Int) -> Void) {
    parameters.device.parallelRanges(values.count, grain: Self.grain) { body($0.lowerBound, $0.count) }
  }
}
