/// Puts what encodings keep of a model's weights in place of the weights, while something is computed with them.
///
/// Gradients that are computed meanwhile are those at the rounded weights. An optimiser that adds them to the weights
/// themselves treats rounding as if it were the identity: the straight-through estimator (Bengio et al. 2013).
public final class WeightRounding {
  /// Weights of one parameter, whole blocks, that are rounded together.
  private struct Part {
    let range: Range<Int>
    let encoding: MatrixEncoding
  }

  private let parameters: ParameterStore
  private let values: Tensor
  /// The weights themselves while their rounded values are in their place.
  private let kept: Tensor
  private let parts: [Part]
  private var isRounded = false

  /// Weights of a part, about: so many are a task of a thread.
  private static let partCount = 1 << 14

  /// - Parameters:
  ///   - parameters: those of a trainable model, filled.
  ///   - encodings: how each of them will be kept, in their order; rows have whole blocks. Float32 leaves a weight as
  ///     it is.
  public init(_ parameters: ParameterStore, as encodings: [MatrixEncoding]) {
    guard let values = parameters.values else { preconditionFailure("a frozen model cannot be trained") }
    precondition(encodings.count == parameters.parameters.count, "an encoding for each of the parameters")
    self.parameters = parameters
    self.values = values
    let device = parameters.device
    kept = device.counting(as: .weights) { Tensor(uninitialized: [parameters.count], on: device) }
    var (parts, offset) = ([Part](), 0)
    for (parameter, encoding) in zip(parameters.parameters, encodings) {
      let end = offset + parameter.count
      precondition(
        encoding.isEncodable && parameter.shape.last?.isMultiple(of: encoding.blockLength) == true,
        "\(parameter.name) of shape \(parameter.shape) in \(encoding)")
      if encoding != .plain(.float32) {
        for start in stride(from: offset, to: end, by: Self.partCount) {
          parts.append(Part(range: start..<min(end, start + Self.partCount), encoding: encoding))
        }
      }
      offset = end
    }
    self.parts = parts
  }

  /// Calls `body` while the rounded values are in the place of the weights, which come back after it, whatever it
  /// throws. `body` must not change the weights. Nothing is allocated; the bits do not depend on threads.
  public func withRounded<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    precondition(!isRounded, "the weights are rounded already")
    precondition(parameters.values?.storage === values.storage, "the weights lie elsewhere by now")
    isRounded = true
    each { part in
      let start = part.range.lowerBound
      (kept.pointer + start).update(from: values.pointer + start, count: part.range.count)
      round(part)
    }
    defer {
      each { part in
        let start = part.range.lowerBound
        (values.pointer + start).update(from: kept.pointer + start, count: part.range.count)
      }
      isRounded = false
    }
    return try body()
  }

  /// Rounds the weights for good.
  public func round() {
    precondition(!isRounded, "the weights are rounded already")
    each(round)
  }

  private func each(_ body: (Part) -> Void) {
    parameters.device.parallel(parts.count) { task, _ in body(parts[task]) }
  }

  private func round(_ part: Part) {
    let weights = values.pointer + part.range.lowerBound
    part.encoding.round(weights, part.range.count, into: weights)
  }
}
