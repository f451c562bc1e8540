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
    #expect(read["gemma2"]?.attentionScale == 1 / Float(7).squareRoot())
    #expect(read["gemma2"]?.attentionCap == 1.5 && read["gemma2"]?.logitCap == 4)
    #expect(read["gemma3_text"]?.attention.map(\.window) == [4, 4, nil, 4])
    #expect(read["gemma3_text"]?.attention.map { $0.rotary?.base } == [100, 100, 10_000, 100])
    #expect(read["gemma3_text"]?.attention[2].rotary?.scaling == .linear(factor: 4))
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
        (student.hiddenSize, student.feedForwardSize) = (6 * student.headCount, 3)
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
