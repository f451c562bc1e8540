import TensorCore
import TestSupport
import Testing

@Suite struct OperationTests {
  /// Parameters holding the inputs, so that what is computed from them records gradients.
  private func parameters(_ inputs: [[Float]], _ shapes: [[Int]], on device: Device) -> ParameterStore {
    let store = ParameterStore(on: device)
    for (index, shape) in shapes.enumerated() {
      _ = store.root.parameter("input\(index)", shape, .zeros, decays: false)
    }
    var values = zip(inputs, shapes).makeIterator()
    store.load { _ in
      let (input, shape) = values.next() ?? ([], [])
      return .dense(Tensor(input, shape: shape, on: device))
    }
    return store
  }

  @Test(arguments: OperationCase.all, MatrixBackendKind.available)
  func valueEqualsTheReference(_ operation: OperationCase, kind: MatrixBackendKind) throws {
    let inputs = operation.inputs(seed: 1)
    let device = try Device(threads: 2, backend: kind)
    let tensors = zip(inputs, operation.inputShapes).map { Tensor($0, shape: $1, on: device) }
    let out = operation.apply(tensors)
    #expect(!out.recordsGradient)
    #expect(relativeError(out.array(), operation.reference(inputs.map { $0.map(Double.init) })) < 2e-6)
  }

  @Test(arguments: OperationCase.all, MatrixBackendKind.available)
  func gradientEqualsFiniteDifferences(_ operation: OperationCase, kind: MatrixBackendKind) throws {
    let inputs = operation.inputs(seed: 2)
    let device = try Device(threads: 2, backend: kind)
    let store = parameters(inputs, operation.inputShapes, on: device)
    let out = operation.apply(store.parameters.map(\.value))
    var generator = SeededGenerator(seed: 3)
    let cotangent = (0..<out.count).map { _ in Float(generator.nextNormal()) }
    out.backward(from: Tensor(cotangent, shape: out.shape, on: device))

    let doubles = inputs.map { $0.map(Double.init) }
    for (index, parameter) in store.parameters.enumerated() {
      let expected = finiteDifferences(doubles[index]) { moved in
        var all = doubles
        all[index] = moved
        return zip(operation.reference(all), cotangent).reduce(0) { $0 + $1.0 * Double($1.1) }
      }
      let gradient = try #require(parameter.gradient).array()
      #expect(relativeError(gradient, expected) < 5e-6, "input \(index)")
    }
  }

  @Test func whatIsTimedIsTested() {
    let tested = Set(OperationCase.all.map(\.operation))
    #expect(OperationCase.timed.allSatisfy { tested.contains($0.operation.operation) })
  }

  @Test func gradientsAddUpOverBackwardCalls() throws {
    let store = parameters([[1, 2, 3, 4]], [[2, 2]], on: Device(threads: 1))
    let weight = store.parameters[0]
    let x = Tensor([1, -1], shape: [1, 2], on: store.device)
    for _ in 0..<2 {
      let out = x.linear(weight.value)
      out.backward(from: Tensor([1, 10], shape: [1, 2], on: store.device))
    }
    #expect(try #require(weight.gradient).array() == [2, -2, 20, -20])
    store.zeroGradients()
    #expect(try #require(weight.gradient).array() == [0, 0, 0, 0])
  }

  @Test(arguments: MatrixBackendKind.available) func oneInputAloneCanBeTrained(kind: MatrixBackendKind) throws {
    for operation in OperationCase.all where operation.inputShapes.count > 1 {
      let inputs = operation.inputs(seed: 4)
      let device = try Device(threads: 2, backend: kind)
      let all = parameters(inputs, operation.inputShapes, on: device)
      let cotangent = operation.apply(all.parameters.map(\.value.detached))
      operation.apply(all.parameters.map(\.value)).backward(from: cotangent)
      for (index, shape) in operation.inputShapes.enumerated() {
        let one = parameters([inputs[index]], [shape], on: device)
        var mixed = all.parameters.map(\.value.detached)
        mixed[index] = one.parameters[0].value
        operation.apply(mixed).backward(from: cotangent)
        let expected = try #require(all.parameters[index].gradient).array()
        #expect(try #require(one.parameters[0].gradient).array() == expected, "\(operation), input \(index)")
      }
    }
  }

  @Test(arguments: OperationCase.all, MatrixBackendKind.available)
  func anyNumberOfThreadsGivesTheSameBits(_ operation: OperationCase, kind: MatrixBackendKind) throws {
    let inputs = operation.inputs(seed: 5)
    let runs = try [1, 2, 3, 8].map { threads in
      let store = try parameters(inputs, operation.inputShapes, on: Device(threads: threads, backend: kind))
      let out = operation.apply(store.parameters.map(\.value))
      out.backward(from: out.detached)
      return [out.array()] + (try store.parameters.map { try #require($0.gradient).array() })
    }
    #expect(runs.allSatisfy { $0 == runs[0] })
  }

  /// As the gradients of different inputs with the same contents, added up.
  @Test func oneTensorMayBeSeveralInputs() throws {
    let (rows, channels) = (70, 8)
    var generator = SeededGenerator(seed: 6)
    let x = (0..<rows * channels).map { _ in Float(generator.nextNormal()) }
    let operations: [(inputs: Int, apply: ([Tensor]) -> Tensor)] = [
      (2, { $0[0].gated(by: .silu, up: $0[1]) }), (2, { $0[0].gated(by: .geluTanh, up: $0[1]) }),
      (3, { $0[0].causalAttention(keys: $0[1], values: $0[2], batchSize: 1, rule: AttentionRule(headSize: 4)) }),
    ]
    for (inputs, apply) in operations {
      let shape = [rows, channels]
      let apart = parameters(
        Array(repeating: x, count: inputs), Array(repeating: shape, count: inputs), on: Device(threads: 2))
      let together = parameters([x], [shape], on: Device(threads: 2))
      for store in [apart, together] {
        let values = store.parameters.map(\.value)
        let out = apply(values.count == 1 ? Array(repeating: values[0], count: inputs) : values)
        out.backward(from: out.detached)
      }
      let gradients = try apart.parameters.map { try #require($0.gradient).array().map(Double.init) }
      let sum = gradients[1...].reduce(gradients[0]) { zip($0, $1).map(+) }
      #expect(relativeError(try #require(together.parameters[0].gradient).array(), sum) < 1e-6)
    }
  }
}
