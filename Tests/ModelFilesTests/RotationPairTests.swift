import Diagnostics
import DurableFiles
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

/// ERNIE 4.5 and Helium, whose rotary embeddings turn neighbouring channels.
@Suite struct RotationPairTests {
  /// The defaults of transformers' `Ernie4_5Config` (configuration_ernie4_5.py, transformers 5.24), each with its key
  /// absent.
  @Test func defaultsOfErnieAreTransformers() throws {
    var expected = DecoderConfiguration(
      family: "ernie4_5", vocabularySize: 512, hiddenSize: 64, feedForwardSize: 172, layerCount: 5, headCount: 8,
      keyValueHeadCount: 2, headSize: 128, contextLength: 131_072, normEpsilon: 1e-5,
      rotary: RotaryPositions(base: 500_000), tiesEmbeddings: true, padTokenID: 0)
    #expect(try readConfiguration("ernie4_5") == expected)
    #expect(try readConfiguration("ernie4_5", ["head_dim": "null"]).headSize == 8)
    expected.biases = Set(LayerMatrix.allCases)
    #expect(try readConfiguration("ernie4_5", ["use_bias": "true"]) == expected)
    #expect(try readBack(expected) == expected)
  }

  /// The defaults of transformers' `HeliumConfig` (configuration_helium.py, transformers 5.24), where sizes allow it.
  @Test func defaultsOfHeliumAreTransformers() throws {
    let sizes = ["hidden_size": "2560", "num_attention_heads": "20"]
    var expected = DecoderConfiguration(
      family: "helium", vocabularySize: 512, hiddenSize: 2560, feedForwardSize: 172, layerCount: 5, headCount: 20,
      keyValueHeadCount: 20, headSize: 128, contextLength: 4096, normEpsilon: 1e-8,
      rotary: RotaryPositions(base: 100_000), padTokenID: 3)
    #expect(try readConfiguration("helium", sizes) == expected)
    expected.biases = [.query, .key, .value]
    #expect(try readConfiguration("helium", sizes.merging(["attention_bias": "true"]) { $1 }) == expected)
    #expect(try readBack(expected) == expected)
    // its output matrix is square
    for changes in [["num_key_value_heads": "4"], ["num_key_value_heads": "4", "head_dim": "4"]] {
      #expect(refusal("helium", changes)?.key == "head_dim")
    }
    #expect(try readConfiguration("helium", ["num_key_value_heads": "4", "head_dim": "8"]).headSize == 8)
  }

  /// The decoder turns channel i with i + D/2, and these families 2i with 2i + 1.
  @Test(arguments: [Ernie45(), Helium()] as [any Architecture]) func rowsAreReordered(family: any Architecture) {
    var configuration = DecoderConfiguration(
      family: family.family, vocabularySize: 7, hiddenSize: 12, feedForwardSize: 5, layerCount: 1, headCount: 2,
      keyValueHeadCount: 1, headSize: 6, biases: Set(LayerMatrix.allCases))
    func rows(_ weight: LayerWeight) -> [Int]? {
      family.location(of: .layer(0, weight), in: configuration).rows.map { $0.flatMap { Array($0) } }
    }
    let head = [0, 2, 4, 1, 3, 5]
    #expect(rows(.matrix(.query)) == head + head.map { $0 + 6 } && rows(.bias(.query)) == rows(.matrix(.query)))
    #expect(rows(.matrix(.key)) == head && rows(.bias(.key)) == head)
    for weight: LayerWeight in [.matrix(.value), .bias(.value), .matrix(.output), .matrix(.gate), .attentionNorm] {
      #expect(rows(weight) == nil)
    }
    // a single pair is in order as it is
    configuration.headSize = 2
    #expect(family.location(of: .layer(0, .matrix(.query)), in: configuration).rows == [0..<4])
  }
}
