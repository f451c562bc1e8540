import LanguageModels
import TensorCore
import Testing

@Suite struct WeightEncodingTests {
  private func configuration(hidden: Int, feedForward: Int, ties: Bool = false) -> DecoderConfiguration {
    DecoderConfiguration(
      vocabularySize: 40, hiddenSize: hidden, feedForwardSize: feedForward, layerCount: 1, headCount: 2,
      contextLength: 64, tiesEmbeddings: ties)
  }

  private let gate = WeightRole.layer(0, .matrix(.gate))
  private let down = WeightRole.layer(0, .matrix(.down))

  @Test(arguments: [BlockType.q8_0, .q4_0, .q4_K, .q6_K])
  func theMatrixThatGivesLogitsIsFinerThanFourBits(_ type: BlockType) {
    let finer = MatrixEncoding.blocks([.q4_0, .q4_K].contains(type) ? .q6_K : type)
    for ties in [false, true] {
      let model = configuration(hidden: 256, feedForward: 512, ties: ties)
      #expect(model.encoding(of: gate, ofMatrices: .blocks(type)) == .blocks(type))
      #expect(model.encoding(of: .embedding, ofMatrices: .blocks(type)) == (ties ? finer : .blocks(type)))
      #expect(ties || model.encoding(of: .head, ofMatrices: .blocks(type)) == finer)
      #expect(model.givesLogits(.embedding) == ties && model.givesLogits(.head) == !ties)
    }
  }

  @Test func rowsThatBlocksDoNotFillAreOfOthers() {
    let model = configuration(hidden: 96, feedForward: 36)
    #expect(model.encoding(of: gate, ofMatrices: .blocks(.q4_0)) == .blocks(.q4_0))
    #expect(model.encoding(of: down, ofMatrices: .blocks(.q4_0)) == .plain(.float16))
    #expect(model.encoding(of: .head, ofMatrices: .blocks(.q4_0)) == .blocks(.q8_0))
    #expect(model.encoding(of: gate, ofMatrices: .blocks(.q6_K)) == .blocks(.q8_0))
    #expect(model.encoding(of: down, ofMatrices: .plain(.bfloat16)) == .plain(.bfloat16))
  }

  @Test func vectorsStayFloat32() {
    let model = configuration(hidden: 64, feedForward: 64)
    for role in [WeightRole.finalNorm, .layer(0, .attentionNorm), .layer(0, .bias(.query))] {
      #expect(model.encoding(of: role, ofMatrices: .plain(.float16)) == .plain(.float32))
    }
  }
}
