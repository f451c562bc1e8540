import Foundation
import GGUF
import LanguageModels
import TestSupport
import Testing

@testable import ModelFiles

/// What missing keys mean to a family alone.
extension GGUFMetadataTests {
  @Test func defaultsOfGemma() throws {
    let second = try configuration(
      "gemma2",
      [
        "gemma2.attention.sliding_window": nil, "gemma2.attn_logit_softcapping": nil,
        "gemma2.final_logit_softcapping": nil,
      ])
    #expect(second.attention.map(\.window) == [4096, nil, 4096])
    #expect(second.attentionCap == 50 && second.logitCap == 30)
    #expect(second.attentionScale == 1 / Float(8).squareRoot())
    let third = try configuration(
      "gemma3_text", ["gemma3.rope.freq_base_swa": nil, "gemma3.final_logit_softcapping": nil])
    #expect(third.attention[0] == LayerAttention(window: 4, rotary: RotaryPositions(base: 10_000)))
    #expect(third.logitCap == nil)
    #expect(third.attention.map { $0.window == nil } == [false, false, false, false, false, true, false])
    for changes: Changes in [
      ["gemma3.attention.sliding_window": nil], ["gemma3.attention.sliding_window": .uint32(0)],
    ] {
      let whole = try configuration("gemma3_text", changes)
      #expect(whole.attention.allSatisfy { $0.window == nil && $0.rotary?.scaling == .linear(factor: 4) })
    }
    let pattern = "gemma3.attention.sliding_window_pattern"
    let every = try configuration("gemma3_text", [pattern: .uint32(2)])
    #expect(every.attention.map { $0.window == nil } == [false, true, false, true, false, true, false])
    let listed = try configuration("gemma3_text", [pattern: .array(of: 7, [[1], [0], [0], [1], [1], [0], [1]])])
    #expect(listed.attention.map { $0.window == nil } == [false, true, true, false, false, true, false])
    #expect(try refusal("gemma3_text", [pattern: .array(of: 7, [[1]])]).hasPrefix("\(pattern): expected 7 times"))
  }

  @Test func theLargestGemmasScaleScoresByTheHiddenSize() {
    var configuration = DecoderConfiguration(
      vocabularySize: 8, hiddenSize: 5376, feedForwardSize: 8, layerCount: 1, headCount: 32, headSize: 128)
    #expect(GemmaKeys.attentionScale(of: configuration, ofHeads: false) == 1 / Float(168).squareRoot())
    configuration.headSize = 64
    #expect(GemmaKeys.attentionScale(of: configuration, ofHeads: true) == 0.125)
  }

  @Test func defaultsOfMultipliers() throws {
    let keys = ["embedding_scale", "residual_scale", "logit_scale"]
    let plain = try configuration(
      "minicpm", Dictionary(uniqueKeysWithValues: keys.map { ("minicpm.\($0)", GGUFSample.Value?.none) }))
    #expect(plain.embeddingScale == .factor(12))
    #expect(plain.residualScale == Float(1.4 / Double(3).squareRoot()) && plain.logitScale == Float(256.0 / 24))
    let granite = try configuration(
      "granite", ["granite.embedding_scale": nil, "granite.residual_scale": nil, "granite.attention.scale": nil])
    #expect(granite.embeddingScale == .factor(1) && granite.residualScale == 1)
    #expect(granite.attentionScale == 1 / Float(4).squareRoot())
    #expect(try refusal("granite", ["granite.logit_scale": nil]).hasPrefix("granite.logit_scale: expected a number"))
    let still = try configuration("granite", ["granite.rope.scaling.finetuned": .bool(false)])
    #expect(still.attention.allSatisfy { $0.rotary == nil })
  }

  @Test func windowsOfPhi3AreThoseOfItsFolder() throws {
    let windows = try configuration("phi3", ["phi3.attention.sliding_window": .uint32(5)]).attention.map(\.window)
    #expect(windows == [5, 5, 5])
  }
}
