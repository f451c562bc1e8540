import Diagnostics
import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import LanguageModels
@testable import ModelFiles

/// The folders of all families: Tests/Fixtures/families.
@Suite struct FamilyFilesTests {
  /// What the fixtures' config.json say, by properties that differ from Llama's.
  @Test func configurationsAreRead() throws {
    let read = try Dictionary(
      uniqueKeysWithValues: ModelFixture.families.map { name in
        let configuration = try ModelFolder(contentsOf: ModelFixture(name).folder).configuration
        return (configuration.family, configuration)
      })
    #expect(read["mistral"]?.attention.map(\.window) == [5, 5, 5])
    #expect(read["qwen2"]?.attention.map(\.window) == [nil, 7, 7])
    #expect(read["qwen3"]?.attention.map(\.window) == [6, nil, 6])
    #expect(read["qwen3"]?.normalizesQueriesAndKeys == true)
    #expect(read["smollm3"]?.attention.map(\.window) == [nil, 5, nil, 5, nil])
    #expect(read["smollm3"]?.attention.map { $0.rotary?.base } == [2e6, nil, 2e6, nil, 2e6])
    #expect(read["gemma"]?.normOffset == 1 && read["gemma"]?.activation == .geluTanh)
    #expect(read["gemma2"]?.attentionScale == Float(1 / Double(7).squareRoot()))
    #expect(read["gemma2"]?.attentionCap == 1.5 && read["gemma2"]?.logitCap == 4)
    #expect(read["gemma3_text"]?.attention.map(\.window) == [4, 4, nil, 4])
    #expect(read["gemma3_text"]?.attention.map { $0.rotary?.base } == [100, 100, 10_000, 100])
    #expect(read["gemma3_text"]?.attention[2].rotary?.scaling == .linear(factor: 4))
    #expect(read["phi3"]?.attention.map(\.window) == [5, 5, 5])
    #expect(read["phi3"]?.attention.map { $0.rotary?.rotatedShare } == [0.75, 0.75, 0.75])
    #expect(read["phi3"]?.attention.map { $0.rotary?.scaling.longRopeContext } == [16, 16, 16])
    #expect(read["internlm2"]?.biases == .attention)
    #expect(read["internlm2"]?.attention.first?.rotary?.scaling == .linear(factor: 3))
    #expect(read["internlm3"]?.attention.first?.rotary?.scaling == .beyondTheContext(factor: 6))
    #expect(read["minicpm"]?.embeddingScale == .factor(3) && read["minicpm"]?.logitScale == Float(10 / 24.0))
    #expect(read["granite"]?.attentionScale == 0.3 && read["granite"]?.logitScale == Float(1 / 0.6))
    #expect(read["ernie4_5"]?.biases == Set(LayerMatrix.allCases))
    #expect(read["helium"]?.normEpsilon == 1e-8)
  }

  @Test(arguments: ModelFixture.families) func nothingIsRemarked(name: String) throws {
    let folder = try ModelFolder(contentsOf: ModelFixture(name).folder)
    try folder.requireExactly(folder.configuration.weights)
    #expect(folder.warnings == [])
  }

  @Test(arguments: ModelFixture.families, [nil, 20_000]) func whatIsWrittenIsReadBack(name: String, shard: Int?) throws
  {
    let folder = try TemporaryFolder()
    let model = try TransformerDecoder(contentsOf: ModelFixture(name).folder)
    try model.write(to: folder.url, maximumShardBytes: shard)
    let again = try TransformerDecoder(contentsOf: folder.url)
    #expect(again.configuration == model.configuration)
    #expect(again.parameters.values?.array() == model.parameters.values?.array())
    let (theirs, own) = (
      try ModelFolder(contentsOf: ModelFixture(name).folder), try ModelFolder(contentsOf: folder.url)
    )
    #expect(own.warnings == [])
    #expect(own.weights.names.sorted() == theirs.weights.names.sorted())
    // the rows of fused and reordered tensors, too, are where they were
    for name in own.weights.names { #expect(try own.weights.floats(name) == theirs.weights.floats(name), "\(name)") }
  }

  /// Weights of 16 bits that lie apart are copied as they are, and whole ones used where they are mapped.
  @Test(arguments: ModelFixture.families, [WeightType.float16, .bfloat16])
  func halvesAreReadInTheirOrder(name: String, type: WeightType) throws {
    let folder = try TemporaryFolder()
    try TransformerDecoder(contentsOf: ModelFixture(name).folder).write(to: folder.url, as: type)
    let (frozen, trained) = (
      try FrozenDecoder(contentsOf: folder.url), try TransformerDecoder(contentsOf: folder.url)
    )
    for (weight, copy) in zip(frozen.weights, trained.weights) {
      let values = weight.parameter.matrix.dense(on: .shared).array()
      #expect(values == copy.parameter.matrix.dense(on: .shared).array(), "\(weight.role)")
      if case .layer(_, .matrix) = weight.role, case .dense = weight.parameter.matrix {
        Issue.record("\(weight.role) was converted")
      }
    }
    // and written back from there
    let again = try TemporaryFolder()
    try frozen.write(to: again.url, as: type)
    let file = "model.safetensors"
    #expect(try Data(contentsOf: folder.file(file)) == Data(contentsOf: again.file(file)))
  }

  /// Whatever pruning leaves of a model can be written: any layers, and any sizes that the family's class takes.
  @Test(arguments: ModelFixture.families) func everyStudentCanBeWritten(name: String) throws {
    let teacher = try ModelFolder(contentsOf: ModelFixture(name).folder).configuration
    let group = teacher.headCount / teacher.keyValueHeadCount
    for layers in 1..<(1 << teacher.layerCount) {
      var student = teacher
      student.attention = teacher.attention.indices.filter { layers >> $0 & 1 == 1 }.map { teacher.attention[$0] }
      #expect(try readBack(student) == student)
    }
    for keyValueHeads in 1...teacher.keyValueHeadCount {
      for share in 1...group {
        var student = teacher
        (student.keyValueHeadCount, student.headCount) = (keyValueHeads, share * keyValueHeads)
        // some families have no heads but those that fill the hidden size
        let fills = teacher.headCount * teacher.headSize == teacher.hiddenSize
        (student.hiddenSize, student.feedForwardSize) = ((fills ? teacher.headSize : 6) * student.headCount, 3)
        #expect(try readBack(student) == student)
      }
    }
  }

  @Test(arguments: ["llama", "gemma2", "gemma3_text"]) func headsThatTransformersDoesNotTakeAreRefused(family: String) {
    let heads = ["num_attention_heads": "12", "num_key_value_heads": "4", "head_dim": "8"]
    #expect(refusal(family, heads)?.key == "num_attention_heads")
    #expect(refusal("mistral", heads) == nil)
  }
}
