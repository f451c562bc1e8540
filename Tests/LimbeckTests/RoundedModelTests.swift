import Foundation
import Limbeck
import TestSupport
import Testing

/// Models whose weights are rounded while they are read, beside the files that hold such weights.
@Suite struct RoundedModelTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A folder of a model with a byte-level BPE tokenizer, in float32 or bfloat16.
  private func model(hiddenSize: Int = 256, as type: WeightType = .float32) throws -> URL {
    let tokenizer = try loadTokenizer(
      from: Folders.project.appendingPathComponent("Tests/Fixtures/byte_level/gpt2/tokenizer.json"))
    var configuration = DecoderConfiguration(
      vocabularySize: tokenizer.vocabularySize, hiddenSize: hiddenSize, feedForwardSize: 96, layerCount: 2,
      headCount: 4, contextLength: 64, tiesEmbeddings: true)
    configuration.bosTokenID = tokenizer.bosID.map { Int($0) }
    let model = try LanguageModel(configuration: configuration, tokenizer: tokenizer, seed: 3)
    let place = folder.url.appendingPathComponent("\(hiddenSize)-\(type)")
    try model.write(to: place, as: type)
    return place
  }

  private func logits(_ model: LanguageModel) -> [Float] {
    let ids: [Int32] = [5, 3, 20, 7, 9, 1, 30, 2, 6]
    return model.decoder.logits(model.decoder.hiddenStates(ids, batchSize: 1)).array()
  }

  @Test(arguments: GGUFWeightType.allCases, [WeightType.float32, .bfloat16])
  func theResultsAreThoseOfTheFile(type: GGUFWeightType, kept: WeightType) throws {
    let url = try model(as: kept)
    let whole = try LanguageModel(contentsOf: url)
    let file = folder.url.appendingPathComponent("\(type.rawValue)-\(kept).gguf")
    _ = try whole.writeGGUF(to: file, as: type)
    let rounded = try LanguageModel(contentsOf: url, rounding: type)
    #expect(try logits(rounded) == logits(LanguageModel(contentsOf: file)))
    if type == .q4_0 { #expect(logits(rounded) != logits(whole)) }
    let weights = whole.decoder.parameters.count
    #expect(type == .f32 ? rounded.weightBytes == 4 * weights : rounded.weightBytes < 2 * weights + 10_000)
    #expect(rounded.digest != whole.digest && rounded.digest.count == 64)
  }

  @Test func rowsThatBlocksDoNotFillAreKeptAsTheFileHasThem() throws {
    let url = try model(hiddenSize: 32)
    let file = folder.url.appendingPathComponent("small.gguf")
    _ = try LanguageModel(contentsOf: url).writeGGUF(to: file, as: .q4_k)
    #expect(
      try logits(LanguageModel(contentsOf: url, rounding: .q4_k)) == logits(LanguageModel(contentsOf: file)))
  }

  @Test func quantisedWeightsAreNotRoundedAgain() throws {
    let url = try model()
    let file = folder.url.appendingPathComponent("q8.gguf")
    _ = try LanguageModel(contentsOf: url).writeGGUF(to: file, as: .q8_0)
    let error = #expect(throws: LimbeckError.self) { try LanguageModel(contentsOf: file, rounding: .q4_0) }
    #expect("\(try #require(error))".contains(": expected float32, float16 or bfloat16, to be rounded to q4_0"))
  }

  @Test(arguments: [(Float.nan, "expected finite weights, found nan"), (70_000, "from -65504.0 to 65504.0")])
  func weightsThatTheTypeDoesNotHoldAreRefused(value: Float, message: String) throws {
    let url = try model()
    let weights = url.appendingPathComponent("model.safetensors")
    var bytes = try Data(contentsOf: weights)
    // behind the header and its length stands the first weight, of the embedding
    let start = 8 + bytes[..<8].enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.replaceSubrange(start..<start + 4, with: $0) }
    try bytes.write(to: weights)
    let error = #expect(throws: LimbeckError.self) { try LanguageModel(contentsOf: url, rounding: .q8_0) }
    #expect("\(try #require(error))".contains(message))
  }
}
