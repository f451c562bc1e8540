import DurableFiles
import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import ModelFiles

/// Files of Tests/Fixtures/gguf against Hugging Face's config.json of the same model and its logits in float64.
@Suite struct GGUFModelTests {
  static let families = [
    "llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma", "gemma2", "gemma3_text", "phi3", "internlm2", "internlm3",
    "minicpm", "granite", "ernie4_5",
  ]
  /// What a file of these is read as: llama.cpp computes them as it does a Llama, and calls them so.
  static let readAs = ["internlm3": "llama"]

  private struct Fixture {
    let expected: ModelFixture
    var file: URL { expected.folder.appendingPathComponent("model.gguf") }

    init(_ name: String) throws { expected = try ModelFixture("gguf/\(name)") }

    /// What config.json says, in the words of the file: it does not say how fresh weights are drawn.
    func configuration(_ name: String) throws -> DecoderConfiguration {
      var configuration = try DecoderConfiguration(
        HuggingFaceConfiguration(contentsOf: expected.folder.appendingPathComponent("config.json")))
      configuration.family = GGUFModelTests.readAs[name] ?? configuration.family
      configuration.initializerRange = 0.02
      // what a file of a Llama does not have
      if name == "mistral" {
        for layer in configuration.attention.indices { configuration.attention[layer].window = nil }
      }
      return configuration
    }

    func error(of decoder: any DecoderModel) throws -> Double {
      let hidden = decoder.hiddenStates(expected.expected.flatIDs, batchSize: expected.expected.batchSize)
      return relativeError(decoder.logits(hidden).array(), try expected.doubles("logits"))
    }
  }

  @Test(arguments: families) func configurationIsThatOfTheFolder(_ name: String) throws {
    let fixture = try Fixture(name)
    let model = try openModel(at: fixture.file)
    var expected = try fixture.configuration(name)
    for layer in expected.attention.indices {
      // a file has factors of frequencies, float32, and not the numbers from which they were made
      guard let found = model.configuration.attention[layer].rotary,
        expected.attention[layer].rotary?.isLike(found, headSize: expected.headSize) ?? false
      else { continue }
      expected.attention[layer].rotary = found
    }
    #expect(model.configuration == expected)
    #expect(model.warnings == [])
    // so that a student of it can be written
    let json = try model.configuration.huggingFaceJSON(weightType: .float32)
    #expect(
      try DecoderConfiguration(HuggingFaceConfiguration(json, file: "config.json")) == model.configuration)
  }

  @Test(arguments: families + ["types"]) func logitsAreThoseOfTransformers(_ name: String) throws {
    let fixture = try Fixture(name)
    let device = try Device.standard()
    #expect(try fixture.error(of: FrozenDecoder(contentsOf: fixture.file, device: device)) < 1e-5)
    #expect(try fixture.error(of: TransformerDecoder(contentsOf: fixture.file, device: device)) < 1e-5)
  }

  @Test(arguments: families) func aFolderWrittenOfItHasTheSameWeights(_ name: String) throws {
    let fixture = try Fixture(name)
    let model = try openModel(at: fixture.file)
    let folder = try TemporaryFolder()
    try TransformerDecoder(model, device: .shared).write(to: folder.url)
    let written = try openModel(at: folder.url)
    #expect(written.configuration == model.configuration)
    for weight in model.configuration.weights {
      #expect(try floats(of: weight, in: written) == floats(of: weight, in: model), "\(weight.role)")
    }
  }

  @Test func weightsOfEveryTypeAreThoseOfGGUFPython() throws {
    let fixture = try Fixture("types")
    struct Expected: Decodable { let digests: [String: String] }
    let digests = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: fixture.expected.folder.appendingPathComponent("expected.json"))
    ).digests
    let model = try openModel(at: fixture.file)
    let types = Set(try model.weights.names.map { try model.weights.tensor(named: $0).type })
    #expect(types.count == 14)
    for weight in model.configuration.weights {
      let name = Llama().location(of: weight.role, in: model.configuration).name
      let bytes = try floats(of: weight, in: model).withUnsafeBytes { Data($0) }
      #expect(Digest.sha256(of: bytes) == digests[name], "\(name)")
      // quantised matrices stay so
      let stored = try model.weight(weight.role, expecting: weight.shape, on: .shared)
      let isMapped = if case .encoded = stored { true } else { false }
      let isFloat32 = weight.shape.count == 1 || name == "model.layers.1.mlp.up_proj.weight"
      #expect(isMapped != isFloat32, "\(name)")
      #expect(try stored.dense(on: .shared).array() == floats(of: weight, in: model))
    }
    #expect(digests.count == model.configuration.weights.count)
  }

  private func floats(of weight: DeclaredWeight, in model: any StoredModel) throws -> [Float] {
    var values = [Float](repeating: 0, count: weight.shape.reduce(1, *))
    var span = values.mutableSpan
    try model.read(weight.role, into: &span)
    return values
  }
}

extension RotaryPositions {
  /// Whether other positions turn by the same angles, to float32's digits, in short sequences and in long ones.
  fileprivate func isLike(_ other: RotaryPositions, headSize: Int) -> Bool {
    func isNear(_ first: Double, _ second: Double) -> Bool { abs(first - second) <= 1e-6 * abs(first) }
    func amplitude(_ scaling: RotaryScaling) -> Double {
      if case .longRope(_, _, _, let amplitude) = scaling { amplitude } else { 1 }
    }
    return isNear(amplitude(scaling), amplitude(other.scaling))
      && [1, 1000].allSatisfy { length in
        let own = frequencies(headSize: headSize, length: length)
        let others = other.frequencies(headSize: headSize, length: length)
        return own.count == others.count && zip(own, others).allSatisfy(isNear)
      }
  }
}
