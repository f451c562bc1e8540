import LanguageModels
import ModelTraining
import TestSupport
import Testing

@testable import LimbeckCommand

@Suite("Teachers without the BOS that they need")
struct MissingBeginningTests {
  private static func warnings(_ packing: SequencePacking, beginning: Int = 256) throws -> [String] {
    let teacher = TransformerDecoder.needing(beginning: beginning, toPredict: 5, vocabularySize: 261)
    let text = try PackedSequences(
      TokenArray([Int32](repeating: 5, count: 100)), sequenceLength: 16, packing: packing, name: "text")
    return MissingBeginning.warnings(of: [teacher], ByteTokenizer(), on: text)
  }

  @Test("are told of, with what they lose")
  func warning() throws {
    let found = try Self.warnings(.fixed)
    #expect(found.count == 1)
    #expect(found.first?.contains("without BOS in front of sequences the teacher predicts the text by 5.56") == true)
    #expect(found.first?.hasSuffix("leave out --no-sequence-bos") == true)
  }

  @Test("are not, where BOS is there or means nothing to them")
  func silent() throws {
    #expect(try Self.warnings(SequencePacking(.fixed, for: ByteTokenizer())).isEmpty)
    #expect(try Self.warnings(.fixed, beginning: 7).isEmpty)
  }
}
