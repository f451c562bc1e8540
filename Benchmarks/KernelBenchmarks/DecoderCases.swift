import LanguageModels
import TensorCore

extension KernelCase {
  /// The linear maps of both decoders over the whole batch; each shape forward, and forward with backward.
  static let matrixProducts: [KernelCase] = ProductPrecision.allCases.flatMap { precision in
    [
      ("teacher 288 to 288", 288, 288), ("teacher 288 to 768", 288, 768), ("teacher 768 to 288", 768, 288),
      ("student 144 to 144", 144, 144), ("student 144 to 384", 144, 384), ("student 384 to 144", 384, 144),
    ].flatMap { name, inputs, outputs in
      let products = ReferenceSizes.tokens * inputs * outputs
      return [
        KernelCase(name: "linear, \(name), \(precision.rawValue)", work: .multiplyAdds(products, precision)) {
          var random = Inputs()
          let (x, weight) = (random.tensor([ReferenceSizes.tokens, inputs]), random.tensor([outputs, inputs]))
          return { _ = x.linear(weight, precision: precision) }
        },
        // backward: one product for the input and one for the weight
        KernelCase(
          name: "linear with backward, \(name), \(precision.rawValue)", work: .multiplyAdds(3 * products, precision)
        ) {
          var random = Inputs()
          let tensors = random.trainable([ReferenceSizes.tokens, inputs], [outputs, inputs])
          let gradient = random.tensor([ReferenceSizes.tokens, outputs])
          return { tensors[0].linear(tensors[1], precision: precision).backward(from: gradient) }
        },
      ]
    }
  }

  /// One row times a matrix, as in generating a sequence: each weight is read once.
  static let matrixVectors: [KernelCase] = [
    ("teacher 288 to 768", 288, 768), ("teacher's head, 288 to 32000", 288, ReferenceSizes.vocabularySize),
    ("768 to 2048", 768, 2_048), ("head, 768 to 32000", 768, ReferenceSizes.vocabularySize),
  ].map { name, inputs, outputs in
    KernelCase(name: "matrix-vector, \(name)", work: .elements(inputs * outputs, bytesEach: 4)) {
      var random = Inputs()
      let (x, weight) = (random.tensor([1, inputs]), random.tensor([outputs, inputs]))
      return { _ = x.linear(weight) }
    }
  }

  /// Row by row or element by element, over the teacher's batch, with backward. Each tensor that a kernel reads or
  /// writes counts 4 bytes an element; a gradient that is added to counts twice.
  static let rowOperations: [KernelCase] = {
    let sizes = ReferenceSizes.teacher
    let states = [ReferenceSizes.tokens, sizes.channels]
    let gates = [ReferenceSizes.tokens, sizes.feedForward]
    return [
      KernelCase(name: "rmsNorm with backward", work: .elements(states[0] * states[1], bytesEach: 24)) {
        var random = Inputs()
        let tensors = random.trainable(states, [sizes.channels])
        let gradient = random.tensor(states)
        return { tensors[0].rmsNorm(tensors[1], epsilon: 1e-5).backward(from: gradient) }
      },
      KernelCase(name: "swiGLU with backward", work: .elements(gates[0] * gates[1], bytesEach: 40)) {
        var random = Inputs()
        let tensors = random.trainable(gates, gates)
        let gradient = random.tensor(gates)
        return { tensors[0].swiGLU(tensors[1]).backward(from: gradient) }
      },
      KernelCase(name: "rotary with backward", work: .elements(states[0] * states[1], bytesEach: 20)) {
        var random = Inputs()
        let tensors = random.trainable(states)
        let gradient = random.tensor(states)
        let rotary = RotaryEmbedding(
          frequencies: RotaryPositions().frequencies(headSize: sizes.channels / ReferenceSizes.headCount),
          contextLength: ReferenceSizes.sequenceLength, on: .shared)
        let positions = (0..<ReferenceSizes.tokens).map { Int32($0 % ReferenceSizes.sequenceLength) }
        return { tensors[0].rotated(by: rotary, positions: positions).backward(from: gradient) }
      },
    ]
  }()

  /// Causal attention, T = 256: forward for the teacher, forward with backward for the student. A token's products are
  /// those with the tokens before it; the backward pass has five for the two of the forward pass.
  static let attentions: [KernelCase] = {
    func attention(_ name: String, _ sizes: DecoderSizes, backward: Bool) -> KernelCase {
      let shape = [ReferenceSizes.tokens, sizes.channels]
      let headSize = sizes.channels / ReferenceSizes.headCount
      let forward = ReferenceSizes.tokens * sizes.channels * (ReferenceSizes.sequenceLength + 1)
      return KernelCase(name: name, work: .multiplyAdds(backward ? forward * 7 / 2 : forward)) {
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
