import DurableFiles
import Foundation
import GGUF
import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import ModelFiles

/// Models of every family as GGUF files, read back.
@Suite struct GGUFWritingTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Families without a file of llama.cpp's converter: what their folders say, without what no file can.
  private static let folders: [String: @Sendable (inout DecoderConfiguration) -> Void] = [
    "llama": { _ in }, "granite": { _ in }, "internlm3": { _ in },
    "mistral": { configuration in
      configuration.setWindows(configuration.attention.map { _ in configuration.contextLength })
    },
  ]

  private func write(
    _ decoder: any DecoderModel, as type: GGUFWeightType = .f32, saying configuration: DecoderConfiguration? = nil
  ) throws -> (model: any StoredModel, types: [GGUFTypeCount]) {
    let url = folder.file("\(UUID().uuidString).gguf")
    let types = try decoder.writeGGUF(
      to: url, saying: configuration ?? decoder.configuration, with: [], as: type)
    return (try openModel(at: url), types)
  }

  private func logits(of decoder: any DecoderModel) -> [Float] {
    let ids = (0..<20).map { Int32($0 * 7 % 40) }
    return decoder.logits(decoder.hiddenStates(ids, batchSize: 2)).array()
  }

  /// Trainable and frozen ones, quantised weights among them.
  @Test(arguments: GGUFModelTests.families + ["types"])
  func aFileThatIsWrittenAgainIsTheSameModel(_ name: String) throws {
    let source = try openModel(at: ModelFixture("gguf/\(name)").folder.appendingPathComponent("model.gguf"))
    for decoder in [try FrozenDecoder(source) as any DecoderModel, try TransformerDecoder(source)] {
      let (model, types) = try write(decoder)
      #expect(model.configuration == source.configuration && model.warnings == [])
      #expect(types.map(\.type) == ["F32"] && types[0].reason == nil)
      let again = try FrozenDecoder(model)
      #expect(logits(of: again) == logits(of: try FrozenDecoder(source)))
    }
  }

  @Test(arguments: folders.keys.sorted())
  func aFolderIsTheSameModel(_ name: String) throws {
    let source = try openModel(at: ModelFixture("families/\(name)").folder)
    var configuration = source.configuration
    Self.folders[name]?(&configuration)
    let decoder = try FrozenDecoder(configuration: configuration, precision: .float32, device: .shared) {
      (role, shape) throws(ModelFileError) in try source.weight(role, expecting: shape, on: .shared)
    }
    let model = try write(decoder).model
    // the heads of the Mistral do not divide its hidden size
    #expect(model.configuration.family == (name == "internlm3" ? "llama" : name))
    #expect(logits(of: try FrozenDecoder(model)) == logits(of: decoder))
  }

  @Test func eachTypeHoldsTheWeights() throws {
    let configuration = DecoderConfiguration(
      vocabularySize: 40, hiddenSize: 256, feedForwardSize: 512, layerCount: 1, headCount: 4, contextLength: 64)
    let decoder = TransformerDecoder(configuration: configuration, seed: 3)
    let bounds: [GGUFWeightType: Double] = [
      .f32: 0, .f16: 5e-4, .bf16: 3e-3, .q8_0: 8e-3, .q4_0: 0.12, .q4_k: 0.09, .q6_k: 0.03,
    ]
    for type in GGUFWeightType.allCases {
      let (model, types) = try write(decoder, as: type)
      let file = try #require(model as? GGUFModel).file
      #expect(file["blk.0.attn_q.weight"]?.type == type.type && file["output_norm.weight"]?.type == .f32)
      let isCoarse = [.q4_0, .q4_k].contains(type)
      #expect(file["output.weight"]?.type == (isCoarse ? .q6_K : type.type), "\(type)")
      #expect(file["token_embd.weight"]?.type == type.type)
      #expect(types.reduce(0) { $0 + $1.tensors } == file.tensors.count)
      #expect(types.contains { $0.reason == "the matrix that gives logits" } == isCoarse)
      for weight in decoder.weights {
        var found = [Float](repeating: 0, count: weight.parameter.count)
        var span = found.mutableSpan
        try model.read(weight.role, into: &span)
        let expected = weight.parameter.matrix.dense(on: .shared).array()
        let error = zip(found, expected).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }
        let size = expected.reduce(0.0) { $0 + pow(Double($1), 2) }
        #expect((error / size).squareRoot() <= (bounds[type] ?? 0), "\(type), \(weight.role)")
      }
    }
  }

  @Test func theTypeOfTheFileIsThatOfMostMatrices() throws {
    for (type, hidden, expected) in [
      (GGUFWeightType.f32, 64, "F32"), (.bf16, 64, "BF16"), (.q4_0, 64, "Q4_0"), (.q4_k, 64, "Q8_0"),
      (.q4_k, 256, "Q4_K_S"), (.q6_k, 256, "Q6_K"), (.q8_0, 36, "F16"),
    ] {
      let configuration = DecoderConfiguration(
        vocabularySize: 40, hiddenSize: hidden, feedForwardSize: hidden, layerCount: 1, headCount: 2,
        contextLength: 64, tiesEmbeddings: true)
      let model = try write(TransformerDecoder(configuration: configuration, seed: 1), as: type).model
      #expect((model as? GGUFModel)?.fileType == expected, "\(type)")
    }
  }

  /// As llama.cpp's quantiser, but for Q5_0, which is not written.
  @Test func rowsThatBlocksDoNotFillGetOthers() throws {
    func types(_ type: GGUFWeightType, hidden: Int, feedForward: Int) throws -> [GGUFTypeCount] {
      let configuration = DecoderConfiguration(
        vocabularySize: 40, hiddenSize: hidden, feedForwardSize: feedForward, layerCount: 1, headCount: 2,
        contextLength: 64, tiesEmbeddings: true)
      return try write(TransformerDecoder(configuration: configuration, seed: 1), as: type).types
    }
    #expect(
      try types(.q4_k, hidden: 96, feedForward: 256) == [
        .init(type: "Q4_K", tensors: 1, reason: nil),
        .init(type: "Q8_0", tensors: 1, reason: "rows of 96, which Q6_K's blocks of 256 do not fill"),
        .init(type: "Q8_0", tensors: 6, reason: "rows of 96, which Q4_K's blocks of 256 do not fill"),
        .init(type: "F32", tensors: 3, reason: "vectors"),
      ])
    #expect(
      try types(.q8_0, hidden: 64, feedForward: 36).map { "\($0.tensors) \($0.type)" } == ["7 Q8_0", "1 F16", "3 F32"])
  }

  @Test func whatLlamaCppDoesNotHaveIsRefused() throws {
    func refusal(
      _ family: String, _ change: (inout DecoderConfiguration) -> Void
    ) throws -> String {
      var configuration = DecoderConfiguration(
        family: family, vocabularySize: 40, hiddenSize: 32, feedForwardSize: 64, layerCount: 2, headCount: 2,
        contextLength: 64, tiesEmbeddings: true)
      change(&configuration)
      let error = #expect(throws: ModelFileError.self) {
        try write(TransformerDecoder(configuration: configuration, seed: 1))
      }
      #expect(try folder.names == [])
      return error?.description ?? ""
    }
    #expect(
      try refusal("helium") { _ in }.hasPrefix("the model: model_type: expected a family that llama.cpp has, one of"))
    #expect(
      try refusal("qwen2") { $0.biases = Set(LayerMatrix.allCases) }
        == "the model: biases: expected query, key, value, at the most, found "
        + "query, key, value, output, gate, up, down; "
        + "llama.cpp has no other qwen2")
    #expect(try refusal("gemma2") { $0.tiesEmbeddings = false }.contains("tie_word_embeddings: expected true"))
    #expect(try refusal("internlm2") { _ in }.contains("tie_word_embeddings: expected false"))
    let llama3 = RotaryScaling.llama3(
      factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 16)
    #expect(
      try refusal("qwen3") { $0.attention = [.init(rotary: .init(scaling: llama3)), .init()] }
        .contains("rope_scaling: expected none or linear, found llama3"))
    #expect(
      try refusal("mistral") { $0.setWindows([5, 5]) }
        == "the model: sliding_window: expected no window in layer 0, which is all that a GGUF file of llama can say, "
        + "found a window of 5; with max_position_embeddings of at most 5 there is no difference")
    #expect(try refusal("smollm3") { $0.layerCount = 4 }.contains("no rotation"))
    #expect(try refusal("llama") { $0.attention[1].rotary = nil }.contains("expected base 10000.0"))
    #expect(
      try refusal("llama") { $0.eosTokenIDs = [1, 2, 3, 4] }
        .contains("eos_token_id: expected at most 3 ids, which a GGUF file can name, found 1, 2, 3, 4"))
    #expect(try refusal("llama") { $0.activation = .geluTanh }.contains("activation: expected silu"))
  }

  @Test func weightsThatHalvesDoNotHoldAreRefused() throws {
    let configuration = DecoderConfiguration(
      vocabularySize: 40, hiddenSize: 32, feedForwardSize: 32, layerCount: 1, headCount: 2, contextLength: 64)
    let decoder = TransformerDecoder(configuration: configuration, seed: 1)
    let weight = try #require(decoder.weights.first { $0.role == .layer(0, .matrix(.up)) })
    guard case .dense(let tensor) = weight.parameter.matrix else { return }
    tensor.withMutableSpan { $0[5] = -70_000 }
    for type in GGUFWeightType.allCases where type != .f32 && type != .bf16 {
      let error = #expect(throws: ModelFileError.self) { try write(decoder, as: type) }
      #expect(
        error?.description.contains("tensor blk.0.ffn_up.weight: expected weights from -65504.0 to 65504.0") == true,
        "\(error?.description ?? "")")
    }
    #expect(throws: Never.self) { try write(decoder, as: .bf16) }
  }

  @Test func whatStandsThereStays() throws {
    let url = try folder.write("text", to: "there.gguf")
    let decoder = TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: 40, hiddenSize: 32, feedForwardSize: 32, layerCount: 1, headCount: 2, contextLength: 64),
      seed: 1)
    #expect(throws: FileError.exists(file: url.path)) {
      try decoder.writeGGUF(to: url, saying: decoder.configuration, with: [], as: .f32)
    }
    struct Stop: Error {}
    let other = folder.file("other.gguf")
    #expect(throws: Stop.self) {
      _ = try decoder.writeGGUF(
        to: other, saying: decoder.configuration, with: [], as: .f32, check: { _ in throw Stop() })
    }
    #expect(try folder.names == ["there.gguf"] && String(contentsOf: url, encoding: .utf8) == "text")
  }
}
