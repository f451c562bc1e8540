import Foundation
import Testing

@testable import Tokenization

@Suite("Sameness of tokenizers") struct DigestTests {
  private func difference(_ teacher: SentencePieceTokenizer, _ student: SentencePieceTokenizer) -> TokenizerDifference?
  {
    do throws(TokenizationError) {
      try requireSameTokenizer(teacher, student)
    } catch .tokenizersDiffer(let difference) {
      return difference
    } catch {
      Issue.record("\(error)")
    }
    return nil
  }

  /// The first occurrence of `old` replaced by `new`, of the same length.
  private func edited(_ tokenizer: SentencePieceTokenizer, _ old: [UInt8], _ new: [UInt8]) throws
    -> SentencePieceTokenizer
  {
    var bytes = tokenizer.serialized
    let place = try #require(bytes.firstRange(of: old))
    bytes.replaceSubrange(place, with: new)
    return try SentencePieceTokenizer(serialized: bytes)
  }

  @Test("A tokenizer is the same as itself, read again")
  func same() throws {
    let again = try SentencePieceTokenizer(serialized: Trained.bpe.serialized)
    #expect(again.digest == Trained.bpe.digest)
    #expect(difference(again, Trained.bpe) == nil)
    #expect(again.digest.hexadecimal.count == 64)
    let decoded = try JSONDecoder().decode([TokenizerDigest].self, from: JSONEncoder().encode([again.digest]))
    #expect(decoded == [again.digest])
  }

  @Test("The first differing piece is named, with both sides")
  func pieces() throws {
    let changed = try edited(Trained.unigram, Array("<0x41>".utf8) + [0x15], Array("<0x41>".utf8) + [0x15])
    #expect(changed.digest == Trained.unigram.digest)
    guard case .token(let id, let teacher, let student) = difference(Trained.unigram, Trained.bpe) else {
      Issue.record("no difference found")
      return
    }
    for other in 0..<id { #expect(Trained.unigram.spelling(of: other) == Trained.bpe.spelling(of: other)) }
    #expect(teacher.contains(Trained.unigram.spelling(of: id)) && student.contains(Trained.bpe.spelling(of: id)))
    let text = TokenizationError.tokenizersDiffer(.token(id: id, teacher: teacher, student: student)).description
    #expect(text.contains("id \(id): expected") && text.contains(teacher) && text.contains(student))
  }

  @Test("A differing score is a difference")
  func scores() throws {
    let id = Int32(Trained.unigram.vocabularySize - 1)
    let bits = withUnsafeBytes(of: Trained.unigram.score(id).bitPattern.littleEndian) { Array($0) }
    let changed = try edited(Trained.unigram, bits, [0, 0, 0x80, 0xC0])
    #expect(changed.digest != Trained.unigram.digest)
    guard case .token(_, _, let student) = difference(Trained.unigram, changed) else {
      Issue.record("no difference found")
      return
    }
    #expect(student.contains("score -4.0"))
  }

  @Test("So are size, special ids and normaliser")
  func others() throws {
    let extra: [UInt8] = [0x0A, 0x0E, 0x0A, 0x07] + Array("unheard".utf8) + [0x15, 0, 0, 0x80, 0xC0]
    let larger = try SentencePieceTokenizer(serialized: Trained.unigram.serialized + extra)
    let size = Trained.unigram.vocabularySize
    #expect(difference(Trained.unigram, larger) == .vocabularySize(teacher: size, student: size + 1))

    // trainer_spec { bos_piece: "<unheard of>" } and normalizer_spec { add_dummy_prefix: true }, merged in.
    let bos: [UInt8] = [0x12, 0x06, 0xF2, 0x02, 0x03] + Array("<x>".utf8)
    let withoutBOS = try SentencePieceTokenizer(serialized: Trained.unigram.serialized + bos)
    #expect(withoutBOS.digest != Trained.unigram.digest)
    let found = try requireSameTokenizer(Trained.unigram, withoutBOS)
    #expect(found == [SpecialIDDifference(name: "BOS", teacher: #"1 ("<s>")"#, student: "none")])
    #expect(
      found[0].description(student: "s", teacher: "t")
        == #"s: BOS: expected 1 ("<s>"), as in t, found none; that of t is used"#)

    let withPrefix = try SentencePieceTokenizer(serialized: Trained.unigram.serialized + [0x1A, 0x02, 0x18, 0x01])
    #expect(
      difference(Trained.unigram, withPrefix)
        == .setting(name: "add_dummy_prefix", teacher: "false", student: "true"))
    let asBPE = try SentencePieceTokenizer(serialized: Trained.unigram.serialized + [0x12, 0x02, 0x18, 0x02])
    #expect(difference(Trained.unigram, asBPE) == .setting(name: "model_type", teacher: "1", student: "2"))
    #expect(
      TokenizerDifference.unknownID(teacher: 1, student: nil).description
        == "the student's tokenizer: unknown: expected 1, as for the teacher, found none; give the student the "
        + "teacher's tokenizer")
  }
}
