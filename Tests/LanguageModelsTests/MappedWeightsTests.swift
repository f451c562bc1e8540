import LanguageModels
import ModelFiles
import TensorCore
import TestSupport
import Testing

/// Frozen decoders whose matrices stay in the 16 bits of their file, beside those of a float32 copy.
@Suite("Decoders on mapped weights") struct MappedWeightsTests {
  /// The same decoder with all weights as float32.
  private func expanded(_ decoder: FrozenDecoder) -> FrozenDecoder {
    var weights = decoder.weights.makeIterator()
    return FrozenDecoder(
      configuration: decoder.configuration, precision: decoder.precision, device: decoder.device
    ) { role, _ in
      guard let weight = weights.next()?.parameter else { preconditionFailure("no weight for \(role)") }
      return .dense(weight.matrix.dense(on: decoder.device).constant)
    }
  }

  private func isMapped(_ weight: WeightMatrix) -> Bool {
    if case .encoded = weight { true } else { false }
  }

  private func requireEqual(_ decoder: FrozenDecoder, _ ids: [Int32], batchSize: Int) {
    #expect(decoder.parameters.isConstant)
    #expect(decoder.parameters.parameters.allSatisfy { isMapped($0.matrix) == ($0.shape.count == 2) })
    let copy = expanded(decoder)
    let states = decoder.hiddenStates(ids, batchSize: batchSize)
    #expect(states.array() == copy.hiddenStates(ids, batchSize: batchSize).array())
    #expect(decoder.logits(states).array() == copy.logits(states).array())
    func cached(_ decoder: FrozenDecoder) -> [Float] {
      let cache = decoder.makeCache()
      _ = decoder.hiddenStates(Array(ids[..<4]), counts: [4], caches: [cache])
      return decoder.hiddenStates([ids[4]], counts: [1], caches: [cache]).array()
    }
    #expect(cached(decoder) == cached(copy))
  }

  @Test(
    "A fixture gives the bits of its float32 copy", arguments: ["llama/bfloat16", "llama/float16"],
    ProductPrecision.allCases)
  func fixtures(name: String, precision: ProductPrecision) throws {
    let fixture = try ModelFixture(name)
    for threads in [1, 2] {
      let decoder = try FrozenDecoder(
        contentsOf: fixture.folder, precision: precision, device: Device(threads: threads))
      requireEqual(decoder, fixture.expected.flatIDs, batchSize: fixture.expected.batchSize)
    }
  }

  @Test(
    "So does a model whose sequences are shared out among threads", arguments: [WeightType.bfloat16, .float16],
    ProductPrecision.allCases)
  func shared(type: WeightType, precision: ProductPrecision) throws {
    let configuration = DecoderConfiguration(
      vocabularySize: 300, hiddenSize: 48, feedForwardSize: 560, layerCount: 2, headCount: 4, keyValueHeadCount: 2,
      contextLength: 128, tiesEmbeddings: true, initializerRange: 0.2)
    let folder = try TemporaryFolder()
    try TransformerDecoder(configuration: configuration, seed: 1).write(to: folder.file("model"), as: type)
    var generator = SeededGenerator(seed: 2)
    let ids = (0..<16 * 128).map { _ in Int32.random(in: 0..<300, using: &generator) }
    for threads in [1, 2] {
      let decoder = try FrozenDecoder(
        contentsOf: folder.file("model"), precision: precision, device: Device(threads: threads))
      requireEqual(decoder, ids, batchSize: 16)
    }
  }

  @Test("What is written again is what was read") func writing() throws {
    let fixture = try ModelFixture("llama/bfloat16")
    let folder = try TemporaryFolder()
    let decoder = try FrozenDecoder(contentsOf: fixture.folder)
    try decoder.write(to: folder.file("copy"), as: .bfloat16)
    let copy = try FrozenDecoder(contentsOf: folder.file("copy"))
    for (found, expected) in zip(copy.parameters.parameters, decoder.parameters.parameters) {
      #expect(found.matrix.dense(on: copy.device).array() == expected.matrix.dense(on: copy.device).array())
    }
  }
}
