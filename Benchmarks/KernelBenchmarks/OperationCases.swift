import TensorCore
import TestSupport

extension KernelCase {
  /// The operations that the tests check, at the sizes that matter.
  static let operations: [KernelCase] = OperationCase.timed.map { timed in
    KernelCase(name: timed.name, work: Work(timed)) {
      let operation = timed.operation
      var random = Inputs()
      let run = operation.prepare(.shared)
      guard timed.hasBackward else {
        let inputs = operation.inputShapes.map { random.tensor($0) }
        return { _ = run(inputs) }
      }
      // the gradients of the inputs add up as long as these are used
      let inputs = random.store(operation.inputShapes).parameters.map(\.value)
      let gradient = random.tensor(run(inputs).shape)
      return { run(inputs).backward(from: gradient) }
    }
  }
}

extension Work {
  /// What a call of the case does, gradients included if it has any.
  fileprivate init(_ timed: TimedCase) {
    switch timed.operation.work {
    case .multiplyAdds(let count, let backward):
      let factor = timed.hasBackward ? 1 + backward : 1
      self = .multiplyAdds(Int(Double(count) * factor), timed.precision)
    case .elements(let count, let bytesEach): self = .elements(count, bytesEach: bytesEach)
    }
  }
}
