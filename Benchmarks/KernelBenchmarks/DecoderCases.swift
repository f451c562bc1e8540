import TensorCore

extension KernelCase {
  /// The linear maps of both decoders over the whole batch; each shape forward, and forward with backward.
  static let matrixProducts: [KernelCase] = [
    ("teacher 288 to 288", 288, 288), ("teacher 288 to 768", 288, 768), ("teacher 768 to 288", 768, 288),
    ("student 144 to 144", 144, 144), ("student 144 to 384", 144, 384), ("student 384 to 144", 384, 144),
  ].flatMap { name, inputs, outputs in
    let products = ReferenceSizes.tokens * inputs * outputs
    return [
      KernelCase(name: "linear, \(name)", work: .multiplyAdds(products)) {
        var random = Inputs()
        let (x, weight) = (random.tensor([ReferenceSizes.tokens, inputs]), random.tensor([outputs, inputs]))
        return { _ = x.linear(weight) }
      },
      // backward: one product for the input and one for the weight
      KernelCase(name: "linear with backward, \(name)", work: .multiplyAdds(3 * products)) {
        var random = Inputs()
        let tensors = random.trainable([ReferenceSizes.tokens, inputs], [outputs, inputs])
        let gradient = random.tensor([ReferenceSizes.tokens, outputs])
        return { tensors[0].linear(tensors[1]).backward(from: gradient) }
      },
    ]
  }

  /// Row by row or element by element, over the teacher's batch, with backward.
  static let rowOperations: [KernelCase] = {
    let sizes = ReferenceSizes.teacher
    let states = [ReferenceSizes.tokens, sizes.channels]
    let gates = [ReferenceSizes.tokens, sizes.feedForward]
    return [
      KernelCase(name: "rmsNorm with backward", work: .elements(states[0] * states[1])) {
        var random = Inputs()
        let tensors = random.trainable(states, [sizes.channels])
        let gradient = random.tensor(states)
        return { tensors[0].rmsNorm(tensors[1], epsilon: 1e-5).backward(from: gradient) }
      },
      KernelCase(name: "swiGLU with backward", work: .elements(gates[0] * gates[1])) {
        var random = Inputs()
        let tensors = random.trainable(gates, gates)
        let gradient = random.tensor(gates)
        return { tensors[0].swiGLU(tensors[1]).backward(from: gradient) }
      },
      KernelCase(name: "rotary with backward", work: .elements(states[0] * states[1])) {
        var random = Inputs()
        let tensors = random.trainable(states)
        let gradient = random.tensor(states)
        let rotary = RotaryEmbedding(
          headSize: sizes.channels / ReferenceSizes.headCount, contextLength: ReferenceSizes.sequenceLength,
          theta: 10_000, on: .shared)
        let positions = (0..<ReferenceSizes.tokens).map { Int32($0 % ReferenceSizes.sequenceLength) }
        return { tensors[0].rotated(by: rotary, positions: positions).backward(from: gradient) }
      },
    ]
  }()

  /// Causal attention, T = 256: forward for the teacher, forward with backward for the student.
  static let attentions: [KernelCase] = {
    func attention(_ name: String, _ sizes: DecoderSizes, backward: Bool) -> KernelCase {
      let shape = [ReferenceSizes.tokens, sizes.channels]
      let headSize = sizes.channels / ReferenceSizes.headCount
      return KernelCase(name: name, work: .tokens(ReferenceSizes.tokens)) {
        var random = Inputs()
        let tensors = backward ? random.trainable(shape, shape, shape) : (0..<3).map { _ in random.tensor(shape) }
        let gradient = random.tensor(shape)
        return {
          tensors[0].causalAttention(
            keys: tensors[1], values: tensors[2], batchSize: ReferenceSizes.batchSize, headSize: headSize
          ).backward(from: gradient)
        }
      }
    }
    return [
      attention("causal attention, teacher", ReferenceSizes.teacher, backward: false),
      attention("causal attention with backward, student", ReferenceSizes.student, backward: true),
    ]
  }()
}
