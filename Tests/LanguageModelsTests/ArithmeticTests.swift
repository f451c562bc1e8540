import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing

/// Decoders with all that a configuration can ask for at once, beside the same in Double.
@Suite("A decoder's arithmetic") struct ArithmeticTests {
  /// Sizes of which none is a multiple of another's, one key-value head, and five layers of which no two are alike.
  static var configuration: DecoderConfiguration {
    let long = RotaryScaling.longRope(
      shortFactors: [1, 1.5], longFactors: [2, 6], originalContextLength: 6, amplitude: 1.2)
    var configuration = DecoderConfiguration(
      vocabularySize: 23, hiddenSize: 10, feedForwardSize: 14, layerCount: 5, headCount: 3, keyValueHeadCount: 1,
      headSize: 8, contextLength: 700, normEpsilon: 1e-5,
      attention: [
        LayerAttention(window: 3),
        LayerAttention(rotary: RotaryPositions(base: 1_000, scaling: .linear(factor: 8))),
        LayerAttention(window: 5, rotary: nil),
        LayerAttention(rotary: RotaryPositions(scaling: long, rotatedShare: 0.5)),
        LayerAttention(rotary: RotaryPositions(base: 100, rotatedShare: 0.75)),
      ],
      biases: [.query, .key, .up, .down], initializerRange: 0.4)
    configuration.normOffset = 1
    configuration.hasPostNorms = true
    configuration.normalizesQueriesAndKeys = true
    configuration.activation = .geluTanh
    configuration.attentionScale = 0.5
    configuration.attentionCap = 1.5
    configuration.logitCap = 2.5
    configuration.embeddingScale = .rootOfHiddenSize
    configuration.residualScale = 0.6
    configuration.logitScale = 1.7
    return configuration
  }

  /// Weights of which none is what a fresh decoder has.
  static func decoder(
    _ configuration: DecoderConfiguration, precision: ProductPrecision = .float32, on device: Device
  ) -> TransformerDecoder {
    let decoder = TransformerDecoder(configuration: configuration, seed: 3, precision: precision, device: device)
    var generator = SeededGenerator(seed: 4)
    for parameter in decoder.parameters.parameters where parameter.shape.count == 1 {
      parameter.value.withMutableSpan { values in
        for index in values.indices { values[index] += 0.3 * Float(generator.nextNormal()) }
      }
    }
    return decoder
  }

  static func ids(_ count: Int, below vocabulary: Int32 = 23) -> [Int32] {
    var generator = SeededGenerator(seed: 5)
    return (0..<count).map { _ in Int32.random(in: 0..<vocabulary, using: &generator) }
  }

  /// The gradients of a sum of logits times `cotangent`, by the way that every objective takes.
  private func gradients(_ decoder: TransformerDecoder, _ ids: [Int32], _ lengths: [Int], _ cotangent: [Float]) throws
    -> [[Float]]
  {
    let backward = BackwardPass()
    let width = decoder.configuration.vocabularySize
    _ = decoder.projection(of: decoder.hiddenStates(ids, lengths: lengths)).mapLogits(
      rows: ids.indices.map { Int32($0) }, backward: backward
    ) { row, logits, _, _ in
      for index in logits.indices { logits[index] = cotangent[row * width + index] }
    }
    backward.run()
    return try decoder.parameters.parameters.map { try #require($0.gradient).array() }
  }

  private static let lengths = [9, 4, 1, 7, 6]

  @Test("Logits are those of the plain definition", arguments: [true, false], MatrixBackendKind.available)
  func logits(tied: Bool, kind: MatrixBackendKind) throws {
    var configuration = Self.configuration
    configuration.tiesEmbeddings = tied
    let decoder = Self.decoder(configuration, on: try Device(threads: 2, backend: kind))
    let ids = Self.ids(27)
    let expected = DoubleDecoder(decoder).logits(ids, lengths: Self.lengths)
    #expect((expected.map { abs($0) }.max() ?? 0) > 1.5)
    let hidden = decoder.hiddenStates(ids, lengths: Self.lengths)
    #expect(relativeError(decoder.logits(hidden).array(), expected) < 1e-5)
    let rows = decoder.projection(of: hidden).mapLogits(rows: ids.indices.map { Int32($0) }) { _, logits, _, _ in
      logits.indices.map { logits[$0] }
    }
    #expect(relativeError(rows.flatMap { $0 }, expected) < 1e-5)
  }

  /// Along random directions: every element of a tensor takes part.
  @Test("The gradient of every tensor equals finite differences", arguments: [true, false])
  func gradients(tied: Bool) throws {
    var configuration = Self.configuration
    configuration.tiesEmbeddings = tied
    let decoder = Self.decoder(configuration, on: Device(threads: 2))
    let ids = Self.ids(27)
    var generator = SeededGenerator(seed: 6)
    let cotangent = (0..<27 * 23).map { _ in Float(generator.nextNormal()) }
    let found = try gradients(decoder, ids, Self.lengths, cotangent)
    let reference = DoubleDecoder(decoder)
    for (weight, gradient) in zip(decoder.weights, found) {
      for _ in 0..<2 {
        let direction = gradient.map { _ in generator.nextNormal() }
        let slopes = finiteDifferences([0], step: 1e-5) { distance in
          var moved = reference
          moved.weights[weight.role] = zip(reference.weights[weight.role] ?? [], direction).map {
            $0 + distance[0] * $1
          }
          return zip(moved.logits(ids, lengths: Self.lengths), cotangent).reduce(0) { $0 + $1.0 * Double($1.1) }
        }
        let slope = zip(gradient, direction).reduce(0) { $0 + Double($1.0) * $1.1 }
        let size = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs(slope - slopes[0]) < 2e-5 * size + 1e-6, "\(weight.role): \(slope), \(slopes[0])")
      }
    }
  }

  /// bfloat16 has 8 bits, of which errors mostly cancel in sums: of a decoder whose weights are of a usual size
  /// gradients point the same way, and are of the same size.
  @Test("In bfloat16 logits and gradients are nearly the same")
  func bfloat16() throws {
    let device = Device(threads: 2)
    var configuration = Self.configuration
    configuration.initializerRange = 0.1
    let exact = Self.decoder(configuration, on: device)
    let rough = Self.decoder(configuration, precision: .bfloat16, on: device)
    let ids = Self.ids(27)
    var generator = SeededGenerator(seed: 6)
    let cotangent = (0..<27 * 23).map { _ in Float(generator.nextNormal()) }
    let found = try gradients(rough, ids, Self.lengths, cotangent)
    for ((weight, found), expected) in zip(
      zip(rough.weights, found), try gradients(exact, ids, Self.lengths, cotangent))
    {
      let size = expected.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      let distance = zip(found, expected).reduce(0) { $0 + pow(Double($1.0 - $1.1), 2) }.squareRoot()
      #expect(distance < 0.1 * size, "\(weight.role): \(distance / size)")
    }
    func logits(_ decoder: TransformerDecoder) -> [Float] {
      decoder.logits(decoder.hiddenStates(ids, lengths: Self.lengths)).array()
    }
    #expect(relativeError(logits(rough), logits(exact).map(Double.init)) < 5e-2)
  }

  @Test("Any number of threads gives the same bits", arguments: ProductPrecision.allCases)
  func threads(precision: ProductPrecision) throws {
    let ids = Self.ids(300)
    var generator = SeededGenerator(seed: 6)
    let cotangent = (0..<300 * 23).map { _ in Float(generator.nextNormal()) }
    let runs = try [1, 2, 3, 8].map { threads in
      let decoder = Self.decoder(Self.configuration, precision: precision, on: Device(threads: threads))
      return try gradients(decoder, ids, [200, 1, 99], cotangent)
        + [decoder.logits(decoder.hiddenStates(ids, lengths: [200, 1, 99])).array()]
    }
    #expect(runs.allSatisfy { $0 == runs[0] })
  }

  @Test("A frozen decoder gives the bits of a trained one", arguments: ProductPrecision.allCases)
  func frozen(precision: ProductPrecision) throws {
    let decoder = Self.decoder(Self.configuration, precision: precision, on: Device(threads: 2))
    let ids = Self.ids(16 * 130)
    let lengths = [Int](repeating: 130, count: 16)
    let expected = decoder.hiddenStates(ids, lengths: lengths)
    #expect(expected.recordsGradient)
    for isConstant in [false, true] {
      let frozen = decoder.frozen(isConstant: isConstant)
      #expect(frozen.hiddenStates(ids, lengths: lengths).array() == expected.array())
      #expect(frozen.logits(expected).array() == decoder.logits(expected).array())
    }
  }

  @Test("What is observed is what the sites say") func sites() throws {
    let decoder = Self.decoder(Self.configuration, on: Device(threads: 1))
    var seen: [ActivationSite: [Float]] = [:]
    let hidden = decoder.hiddenStates([3, 5], lengths: [2]) { seen[$0] = $1.array() }
    // of normalised queries each head has the size of √D where all gains are 1
    for parameter in decoder.parameters.parameters where parameter.name.hasSuffix("queryNorm") {
      parameter.value.withMutableSpan { values in for index in values.indices { values[index] = 0 } }
    }
    _ = decoder.hiddenStates([3, 5], lengths: [2]) { seen[$0] = $1.array() }
    let queries = try #require(seen[.queries(layer: 0)])
    for head in 0..<6 {
      let squares = queries[head * 8..<head * 8 + 8].reduce(0) { $0 + $1 * $1 }
      #expect(abs(squares / 8 - 1) < 1e-3)
    }
    let table = DoubleDecoder(decoder).weights[.embedding] ?? []
    let expected = (Array(table[30..<40]) + Array(table[50..<60])).map { $0 * Double(10).squareRoot() }
    #expect(relativeError(try #require(seen[.embedding]), expected) < 1e-6)
    #expect(relativeError(decoder.normalizedStates(hidden).array(), hidden.array().map { Double($0) / 1.7 }) < 1e-6)
  }

  @Test("Fresh norms have gains of 1", arguments: [Float(0), 1]) func freshNorms(offset: Float) {
    var configuration = Self.configuration
    configuration.normOffset = offset
    let decoder = TransformerDecoder(configuration: configuration, seed: 1, device: Device(threads: 1))
    for parameter in decoder.parameters.parameters where parameter.name.hasSuffix("orm") {
      #expect(parameter.value.array().allSatisfy { offset + $0 == 1 })
      #expect(!parameter.decays)
    }
  }
}
