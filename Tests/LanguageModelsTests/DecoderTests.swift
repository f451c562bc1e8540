import DurableFiles
import Foundation
import LanguageModels
import ModelFiles
import TensorCore
import TestSupport
import Testing

@Suite struct DecoderTests {
  static let configuration = DecoderConfiguration(
    vocabularySize: 67, hiddenSize: 24, feedForwardSize: 40, layerCount: 3, headCount: 4, keyValueHeadCount: 2,
    contextLength: 150, tiesEmbeddings: true, initializerRange: 0.2)

  private func temporaryFolder() -> URL {
    FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-\(UUID().uuidString)")
  }

  private func ids(_ count: Int, seed: UInt64) -> [Int32] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32.random(in: 0..<67, using: &generator) }
  }

  @Test func cachedHiddenStatesEqualThoseOfTheWholeSequence() {
    let decoder = TransformerDecoder(configuration: Self.configuration, seed: 1, device: Device(threads: 2)).frozen()
    let (first, second) = (ids(140, seed: 2), ids(9, seed: 3))
    let caches = [decoder.makeCache(), decoder.makeCache()]
    // prompts of different lengths, then single tokens of both, then a piece of one alone
    var rows = decoder.hiddenStates(Array(first[..<70]), counts: [70], caches: [caches[0]]).array()
    var others = decoder.hiddenStates(Array(second[..<3]), counts: [3], caches: [caches[1]]).array()
    for step in 0..<6 {
      let both = decoder.hiddenStates([first[70 + step], second[3 + step]], counts: [1, 1], caches: caches).array()
      rows += both[..<24]
      others += both[24...]
    }
    rows += decoder.hiddenStates(Array(first[76...]), counts: [64], caches: [caches[0]]).array()
    #expect(caches.map(\.length) == [140, 9])
    #expect(
      relativeError(rows, decoder.hiddenStates(first, batchSize: 1).array().map(Double.init)) < 1e-5)
    #expect(
      relativeError(others, decoder.hiddenStates(second, batchSize: 1).array().map(Double.init)) < 1e-5)
  }

  /// float16 has 11 bits: keys and values are off by up to 2⁻¹² of themselves, and errors mostly cancel in sums.
  @Test func cachesInFloat16ChangeLittle() {
    let decoder = TransformerDecoder(configuration: Self.configuration, seed: 1, device: Device(threads: 2)).frozen()
    let ids = ids(40, seed: 2)
    let cache = decoder.makeCache(precision: .float16)
    var rows = decoder.hiddenStates(Array(ids[..<30]), counts: [30], caches: [cache]).array()
    for id in ids[30...] { rows += decoder.hiddenStates([id], counts: [1], caches: [cache]).array() }
    let error = relativeError(rows, decoder.hiddenStates(ids, batchSize: 1).array().map(Double.init))
    #expect(error < 1e-3 && error > 1e-6)
  }

  /// Whether a cache grows or has room from the beginning is seen in its capacity alone.
  @Test(arguments: [nil, 1, 130, 140, 10_000]) func aCacheHasRoomForWhatIsExpected(expectedLength: Int?) {
    let decoder = TransformerDecoder(configuration: Self.configuration, seed: 1, device: Device(threads: 1)).frozen()
    let ids = ids(140, seed: 2)
    let cache = decoder.makeCache(expectedLength: expectedLength)
    #expect(cache.capacity == min(150, expectedLength ?? 64))
    let rows = ids.flatMap { decoder.hiddenStates([$0], counts: [1], caches: [cache]).array() }
    let whole = decoder.hiddenStates(ids, counts: [140], caches: [decoder.makeCache()]).array()
    #expect(relativeError(rows, whole.map(Double.init)) < 1e-5)
    #expect(cache.length == 140)
    if expectedLength == 140 { #expect(cache.capacity == 140) }
  }

  /// Layers with and without windows, of which one is shorter and one longer than what is read at once.
  @Test(arguments: ProductPrecision.allCases, CachePrecision.allCases)
  func cachesOfLayersWithWindowsHoldWhatTheySee(precision: ProductPrecision, cachePrecision: CachePrecision) {
    var configuration = Self.configuration
    configuration.headSize = 10
    configuration.attentionScale = 0.4
    configuration.attentionCap = 3
    configuration.attention = [5, nil, 40].map { LayerAttention(window: $0) }
    let decoder = TransformerDecoder(configuration: configuration, seed: 1, device: Device(threads: 2))
      .frozen(precision: precision)
    let ids = ids(150, seed: 2)
    let whole = decoder.hiddenStates(ids, batchSize: 1).array().map(Double.init)
    let cache = decoder.makeCache(precision: cachePrecision)
    var rows: [Float] = []
    for count in [70, 1, 1, 3, 60, 15] {
      rows += decoder.hiddenStates(
        Array(ids[cache.length..<cache.length + count]), counts: [count], caches: [cache]
      ).array()
    }
    let allowed = precision == .bfloat16 ? 3e-2 : cachePrecision == .float16 ? 1e-3 : 1e-5
    #expect(relativeError(rows, whole) < allowed)
    let unlimited = configuration.attention.indices.reduce(into: configuration) { $0.attention[$1].window = nil }
    let other = TransformerDecoder(configuration: unlimited, seed: 1, device: Device(threads: 2)).frozen()
    #expect(relativeError(other.hiddenStates(ids, batchSize: 1).array(), whole) > 5e-2)
  }

  @Test func aTruncatedCacheContinuesFromThere() {
    let decoder = TransformerDecoder(configuration: Self.configuration, seed: 1, device: Device(threads: 1)).frozen()
    let cache = decoder.makeCache()
    let ids = ids(12, seed: 4)
    let straight = decoder.hiddenStates(ids, counts: [12], caches: [cache]).array()
    cache.truncate(to: 5)
    let again = decoder.hiddenStates(Array(ids[5...]), counts: [7], caches: [cache]).array()
    #expect(relativeError(again, straight[(5 * 24)...].map(Double.init)) < 1e-5)
  }

  @Test func aSequenceDoesNotDependOnItsNeighbours() {
    let decoder = TransformerDecoder(configuration: Self.configuration, seed: 1, device: Device(threads: 2)).frozen()
    let (first, second) = (ids(20, seed: 5), ids(20, seed: 6))
    let both = decoder.hiddenStates(first + second, batchSize: 2).array()
    #expect(
      relativeError(Array(both[480...]), decoder.hiddenStates(second, batchSize: 1).array().map(Double.init)) < 1e-5)
  }

  /// bfloat16 has 8 bits: each product is off by up to 2⁻⁸ of its factors, and errors mostly cancel in sums.
  @Test func inBFloat16ADecoderComputesNearlyTheSame() {
    let decoder = TransformerDecoder(configuration: Self.configuration, seed: 1, device: Device(threads: 2)).frozen()
    let rough = decoder.frozen(precision: .bfloat16)
    let ids = ids(40, seed: 7)
    func logits(_ decoder: any DecoderModel) -> [Float] {
      decoder.logits(decoder.hiddenStates(ids, batchSize: 2)).array()
    }
    let difference = relativeError(logits(rough), logits(decoder).map(Double.init))
    #expect(difference > 1e-4 && difference < 2e-2)
    #expect(rough.frozen().precision == .bfloat16 && decoder.precision == .float32)
  }

  @Test func frozenSharesWeightsAndRecordsNothing() throws {
    let decoder = TransformerDecoder(configuration: Self.configuration, seed: 1, device: Device(threads: 1))
    let frozen = decoder.frozen()
    #expect(decoder.hiddenStates([1, 2], batchSize: 1).recordsGradient)
    #expect(!frozen.hiddenStates([1, 2], batchSize: 1).recordsGradient)
    #expect(!frozen.parameters.isTrainable)
    try #require(decoder.parameters.values).withMutableSpan { $0[0] = 42 }
    #expect(frozen.parameters.parameters[0].value.array()[0] == 42)
  }

  @Test(arguments: [(WeightType.float32, 0.0), (.bfloat16, 0.005), (.float16, 0.001)])
  func whatIsWrittenIsReadBack(_ type: WeightType, _ tolerance: Double) throws {
    let folder = temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    var configuration = Self.configuration
    configuration.tiesEmbeddings = false
    configuration.biases = .attention
    let decoder = TransformerDecoder(configuration: configuration, seed: 7, device: Device(threads: 1))
    try decoder.write(to: folder, with: [NamedFile(name: "tokenizer.model", contents: Data([1, 2, 3]))], as: type)
    for trainable in [false, true] {
      let device = Device(threads: 1)
      let read: any DecoderModel =
        trainable
        ? try TransformerDecoder(contentsOf: folder, device: device)
        : try FrozenDecoder(contentsOf: folder, device: device)
      #expect(read.configuration == configuration)
      #expect(read.parameters.isTrainable == trainable)
      for (one, other) in zip(decoder.parameters.parameters, read.parameters.parameters) {
        #expect(one.name == other.name)
        let values = other.matrix.dense(on: read.device).array()
        #expect(relativeError(values, one.value.array().map(Double.init)) <= tolerance)
      }
    }
    #expect(try Data(contentsOf: folder.appendingPathComponent("tokenizer.model")) == Data([1, 2, 3]))
  }

  @Test func shardsAreReadBackAndReplaceASingleFile() throws {
    let folder = temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let decoder = TransformerDecoder(configuration: Self.configuration, seed: 7, device: Device(threads: 1))
    let bytes = decoder.parameters.count * 2
    // exactly as much as there is fits into one file
    try decoder.write(to: folder, as: .bfloat16, maximumShardBytes: bytes)
    let single = folder.appendingPathComponent("model.safetensors")
    #expect(try ModelFolder(contentsOf: folder).weights.path == single.path)
    let expected = try TransformerDecoder(contentsOf: folder, device: Device(threads: 1))

    try decoder.write(to: folder, as: .bfloat16, maximumShardBytes: bytes / 3)
    let checkpoint = try ModelFolder(contentsOf: folder)
    #expect(checkpoint.weights.path == single.path + ".index.json")
    #expect(checkpoint.weights.files.count >= 3)
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name.hasPrefix("model-") {
      let entries = try SafetensorsFile(contentsOf: folder.appendingPathComponent(name)).entries
      #expect(entries.reduce(0) { $0 + $1.byteRange.count } <= bytes / 3)
    }
    let read = try TransformerDecoder(checkpoint, device: Device(threads: 1))
    for (parameter, other) in zip(read.parameters.parameters, expected.parameters.parameters) {
      #expect(parameter.value.array() == other.value.array())
    }
    #expect(!FileManager.default.fileExists(atPath: single.path))
  }

  @Test func parameterCounts() {
    let decoder = TransformerDecoder(configuration: Self.configuration, seed: 1, device: Device(threads: 1))
    // per layer: q and o 24·24, k and v 12·24, three of 24·40, two norms
    let layer = 2 * 24 * 24 + 2 * 12 * 24 + 3 * 24 * 40 + 2 * 24
    #expect(decoder.nonEmbeddingParameterCount == 3 * layer + 24)
    #expect(decoder.parameters.count == 3 * layer + 24 + 67 * 24)
  }

  @Test func aTensorTooManyOrTooFewIsNamed() throws {
    let folder = temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try TransformerDecoder(configuration: Self.configuration, seed: 8, device: Device(threads: 1)).write(to: folder)
    var smaller = Self.configuration
    smaller.layerCount = 2
    let file = folder.appendingPathComponent("config.json")
    try smaller.huggingFaceJSON(weightType: .float32).write(to: file)
    // as in transformers, layers beyond those of config.json are left out; the folder says so
    _ = try FrozenDecoder(contentsOf: folder)
    #expect(try ModelFolder(contentsOf: folder).warnings.contains { $0.contains("model.layers.2.") })
    smaller.layerCount = 4
    try smaller.huggingFaceJSON(weightType: .float32).write(to: file)
    let missing = #expect(throws: ModelFileError.self) { try FrozenDecoder(contentsOf: folder) }
    #expect("\(try #require(missing))".contains("model.layers.3."))
    smaller.layerCount = 3
    smaller.feedForwardSize = 41
    try smaller.huggingFaceJSON(weightType: .float32).write(to: file)
    let shape = #expect(throws: ModelFileError.self) { try FrozenDecoder(contentsOf: folder) }
    #expect("\(try #require(shape))".contains("[24, 41]"))
  }
}
