import Foundation
import GGUF
import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import ModelFiles

/// Scaling of rotary embeddings.
extension GGUFMetadataTests {
  @Test func linearScaling() throws {
    func scaling(_ changes: Changes) throws -> RotaryScaling? {
      try configuration("mistral", changes).attention[0].rotary?.scaling
    }
    #expect(try scaling(["llama.rope.scaling.factor": .float32(4)]) == .linear(factor: 4))
    #expect(try scaling(["llama.rope.scale_linear": .float32(2)]) == .linear(factor: 2))
    let none = ["llama.rope.scaling.type": GGUFSample.Value.string("none"), "llama.rope.scaling.factor": .float32(4)]
    #expect(try scaling(none) == RotaryScaling.none)
    #expect(try scaling(["llama.rope.scaling.factor": .float32(0)]) == RotaryScaling.none)
    #expect(try scaling(["llama.rope.scaling.factor": .float32(1)]) == RotaryScaling.none)
    #expect(
      try refusal("mistral", ["llama.rope.scaling.type": .string("yarn")])
        == "llama.rope.scaling.type: expected \"none\", \"linear\" or \"longrope\", found \"yarn\"")
    #expect(
      try refusal("mistral", ["llama.rope.scaling.type": .string("longrope")])
        .hasPrefix("tensor rope_factors_short.weight is missing"))
    #expect(
      try refusal("mistral", ["llama.rope.scaling.attn_factor": .float32(1.2)])
        .hasPrefix("llama.rope.scaling.attn_factor: expected 1"))
    #expect(
      try refusal("mistral", ["llama.rope.dimension_count": .uint32(2)])
        == "llama.rope.dimension_count: expected 4, the channels of a head, found 2")
  }

  /// The kind of scaling decides; only where it is missing, as in files of Phi-3, do the tensors.
  @Test func factorsOfLongRopeGoWithTheirKind() throws {
    let key = "phi3.rope.scaling.type"
    let plain = try configuration("phi3", [:])
    guard case .longRope = try #require(plain.attention[0].rotary?.scaling) else {
      Issue.record("the fixture has no factors")
      return
    }
    #expect(try configuration("phi3", [key: .string("longrope")]) == plain)
    for kind in ["none", "linear"] {
      #expect(
        try refusal("phi3", [key: .string(kind)])
          == "\(key): expected \"longrope\", for there is a tensor rope_factors_short.weight, found \"\(kind)\"")
    }
    #expect(
      try refusal("phi3", [key: .string("yarn")])
        == "\(key): expected \"none\", \"linear\" or \"longrope\", found \"yarn\"")
  }

  @Test func factorsThatAreNotThoseOfLlama3AreKeptOneByOne() throws {
    let factors: [Float] = [1, 1.5, 3]
    let model = try open("llama", [:]) { sample in
      let index = sample.tensors.firstIndex { $0.name == Array("rope_freqs.weight".utf8) } ?? 0
      sample.tensors[index].data = factors.flatMap { GGUFSample.bytes($0.bitPattern) }
    }
    #expect(
      model.configuration.attention[0].rotary?.scaling
        == .longRope(
          shortFactors: [1, 1.5, 3], longFactors: [1, 1.5, 3], originalContextLength: 128, amplitude: 1))
    // such a student can be written, too
    #expect(throws: Never.self) { try model.configuration.huggingFaceJSON(weightType: .float32) }
    let short = try refusal("llama", [:]) { sample in
      let index = sample.tensors.firstIndex { $0.name == Array("rope_freqs.weight".utf8) } ?? 0
      sample.tensors[index].dimensions = [2]
      sample.tensors[index].data = Array(repeating: 0, count: 8)
    }
    #expect(short == "tensor rope_freqs.weight: expected shape [3], found [2]")
    #expect(
      try refusal("llama", ["llama.rope.scaling.factor": .float32(4)])
        .hasPrefix("llama.rope.scaling.factor: expected 1"))
  }
}
