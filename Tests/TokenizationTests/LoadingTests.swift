import DurableFiles
import Foundation
import ModelFiles
import TestSupport
import Testing

@testable import Tokenization

@Suite("Loading a tokenizer") struct LoadingTests {
  private func error(_ serialized: [UInt8]) -> TokenizationError? {
    do throws(TokenizationError) {
      _ = try SentencePieceTokenizer(serialized: serialized, name: "x/tokenizer.model")
      return nil
    } catch {
      return error
    }
  }

  @Test("A file comes back as it was written")
  func file() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(Trained.unigram.serialized, to: "tokenizer.model")
    let loaded = try SentencePieceTokenizer(contentsOf: file)
    #expect(loaded.serialized == Trained.unigram.serialized)
    #expect(loaded.digest == Trained.unigram.digest)
    #expect(loaded.encode("ba lo\n") == Trained.unigram.encode("ba lo\n"))
  }

  @Test("A missing file, a folder and an empty file are named")
  func noModel() throws {
    let folder = try TemporaryFolder()
    let missing = folder.url.appendingPathComponent("tokenizer.model")
    #expect(throws: TokenizationError.file(.missing(file: missing.path, advice: "check the path"))) {
      try SentencePieceTokenizer(contentsOf: missing)
    }
    #expect(throws: TokenizationError.self) { try SentencePieceTokenizer(contentsOf: folder.url) }
    let empty = try folder.write([], to: "empty.model")
    let error = #expect(throws: TokenizationError.self) { try SentencePieceTokenizer(contentsOf: empty) }
    #expect(error == .corruptTokenizer(file: empty.path, format: "SentencePiece", reason: "it is empty"))
    #expect(error?.description.hasPrefix(empty.path) == true)
  }

  @Test("Truncated anywhere, a model is refused", arguments: [0, 3])
  func truncated(_ index: Int) {
    let model = Trained.all[index].1.serialized
    for count in stride(from: 0, to: model.count, by: 23) {
      guard
        case .corruptTokenizer(file: "x/tokenizer.model", format: "SentencePiece", _) = error(Array(model[..<count]))
      else {
        Issue.record("accepted with \(count) of \(model.count) bytes")
        continue
      }
    }
  }

  @Test("Random bytes are refused")
  func garbage() {
    var generator = RepeatableGenerator(seed: 5)
    for _ in 0..<500 {
      let count = Int.random(in: 1...400, using: &generator)
      #expect(error((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }) != nil)
    }
    #expect(error(Array("This is a text, not a model.\n".utf8)) != nil)
  }

  @Test("Whatever a damaged byte does, it does not crash", arguments: [0, 1, 3, 4])
  func flipped(_ index: Int) {
    let model = Trained.all[index].1.serialized
    var generator = RepeatableGenerator(seed: UInt64(index))
    for _ in 0..<150 {
      var damaged = model
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        damaged[Int.random(in: 0..<model.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      guard let tokenizer = try? SentencePieceTokenizer(serialized: damaged) else { continue }
      let ids = tokenizer.encode("ba lo  mi\n\u{2581}中 thing")
      var decoder = StreamingDecoder(tokenizer)
      let streamed = ids.map { decoder.append($0) }.joined() + decoder.finish()
      #expect(streamed.utf8.elementsEqual(tokenizer.decode(ids).utf8))
    }
  }

  /// A field of a message: bytes, or a varint below 128.
  private func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    [number << 3 | 2, UInt8(bytes.count & 0x7F | (bytes.count > 127 ? 0x80 : 0))]
      + (bytes.count > 127 ? [UInt8(bytes.count >> 7)] : []) + bytes
  }
  private func piece(_ text: [UInt8], score: Float = -1, kind: UInt8 = 1) -> [UInt8] {
    let bits = withUnsafeBytes(of: score.bitPattern.littleEndian) { Array($0) }
    return field(1, field(1, text) + [2 << 3 | 5] + bits + [3 << 3, kind])
  }
  private var unknown: [UInt8] { piece(Array("<unk>".utf8), kind: 2) }
  private var specs: [UInt8] { field(2, [3 << 3, 1]) + field(3, [3 << 3, 0, 4 << 3, 0]) }

  @Test("A model made by hand loads")
  func smallest() throws {
    let tokenizer = try SentencePieceTokenizer(serialized: unknown + piece(Array("a".utf8)) + specs)
    #expect(tokenizer.vocabularySize == 2)
    #expect(tokenizer.encode("aab") == [1, 1, 0])
    #expect(tokenizer.bosID == nil)
  }

  @Test("Models that parse, but would do harm, are refused")
  func harmful() {
    let a = piece(Array("a".utf8))
    let cases: [(String, [UInt8])] = [
      ("no pieces", specs),
      ("no unknown piece", a + specs),
      ("trainer_spec", unknown + a),
      ("trainer_spec", unknown + a + field(3, [3 << 3, 0])),
      ("is empty", unknown + piece([]) + specs),
      ("NUL", unknown + piece([0x61, 0, 0x62]) + specs),
      ("not UTF-8", unknown + piece([0xFF]) + specs),
      ("score", unknown + piece([0x61], score: .nan) + specs),
      ("score", unknown + piece([0x61], score: .infinity) + specs),
      ("unknown type 9", unknown + piece([0x61], kind: 9) + specs),
      ("two of its pieces are the same, those with the ids 1 and 2", unknown + a + a + specs),
      ("two of its pieces are the same", unknown + piece(Array("<unk>".utf8)) + specs),
      ("unknown model type 7", unknown + a + field(2, [3 << 3, 7]) + field(3, [])),
      ("malformed protocol buffer", unknown + a + specs + [0x0A, 0x7F]),
      ("wrong type", [1 << 3, 1] + unknown + a + specs),
    ]
    for (reason, model) in cases {
      guard case .corruptTokenizer(_, _, let found) = error(model) else {
        Issue.record("accepted, though: \(reason)")
        continue
      }
      #expect(found.contains(reason), "\(found)")
    }
    let denormalizer = unknown + a + specs + field(5, field(2, [1, 2, 3]))
    guard case .unsupportedTokenizer = error(denormalizer) else {
      Issue.record("accepted with a denormaliser")
      return
    }
  }

  /// libsentencepiece 0.1.97 encodes no text that has a control piece among its symbols.
  @Test("Models by which not every text can be encoded are refused")
  func unencodable() throws {
    func specs(_ type: UInt8) -> [UInt8] { field(2, [3 << 3, type]) + field(3, [3 << 3, 0, 4 << 3, 0]) }
    let (a, control) = (piece(Array("a".utf8)), piece(Array("é".utf8), kind: 3))
    let (word, begin) = (piece(Array("ab".utf8)), piece(Array("<s>".utf8), kind: 3))
    let models: [[UInt8]] = [
      unknown + a + control + specs(2), unknown + a + control + specs(4), unknown + a + begin + specs(3),
    ]
    for model in models {
      guard case .unsupportedTokenizer(_, _, let reason) = error(model) else {
        Issue.record("accepted, though libsentencepiece cannot encode some text")
        continue
      }
      #expect(reason.hasPrefix("piece 2, \"") && reason.contains("cannot encode"), "\(reason)")
    }
    for type in 1...4 as ClosedRange<UInt8> {
      guard case .corruptTokenizer = error(unknown + begin + specs(type)) else {
        Issue.record("accepted without pieces of text, type \(type)")
        continue
      }
    }
    // an unknown character of a unigram model is no control piece, and longer ones are never made
    #expect(try SentencePieceTokenizer(serialized: unknown + a + control + specs(1)).encode("aéa") == [1, 0, 1])
    #expect(try SentencePieceTokenizer(serialized: unknown + a + begin + specs(2)).encode("<s>a") == [0, 1])
    #expect(try SentencePieceTokenizer(serialized: unknown + a + word + begin + specs(4)).encode("a<s>a") == [1, 0, 1])
  }

  @Test("A piece longer than any that is trained is refused")
  func longest() throws {
    let longest = [UInt8](repeating: 0x61, count: ModelProto.longestPiece)
    #expect(try SentencePieceTokenizer(serialized: unknown + piece(longest) + specs).vocabularySize == 2)
    guard case .unsupportedTokenizer(_, _, let reason) = error(unknown + piece(longest + [0x61]) + specs) else {
      Issue.record("accepted")
      return
    }
    #expect(reason.hasPrefix("piece 1 has 2049 bytes, more than 2048"), "\(reason)")
  }

  /// A trie in which "a" leads to the replacement at offset 0: nodes 0 → 0 ^ 256 ^ "a", whose value is at distance 512.
  private func charactersMap(value: UInt32 = 0, rootDistance: UInt32 = 256, size: Int = 1024) -> [UInt8] {
    var units = [UInt32](repeating: 0, count: size)
    units[0] = rootDistance << 10
    let node = 256 ^ 0x61
    units[node] = 512 << 10 | 1 << 8 | 0x61
    units[node ^ 512] = 1 << 31 | value
    let bytes = ([UInt32(size * 4)] + units).flatMap { word in
      (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
    }
    return bytes + Array("xy\0".utf8)
  }

  @Test("A sound map of characters works, a damaged one is refused")
  func maps() throws {
    _ = try CharactersMap(checking: charactersMap())
    func model(_ map: [UInt8]) -> [UInt8] {
      // A field of 4 kB needs two bytes of length, as does the message around it.
      let spec = [2 << 3 | 2, UInt8(map.count & 0x7F | 0x80), UInt8(map.count >> 7)] + map + [3 << 3, 0, 4 << 3, 0]
      let normalizer = [3 << 3 | 2, UInt8(spec.count & 0x7F | 0x80), UInt8(spec.count >> 7)] + spec
      return unknown + piece(Array("x".utf8)) + piece(Array("y".utf8)) + field(2, [3 << 3, 1]) + normalizer
    }
    let tokenizer = try SentencePieceTokenizer(serialized: model(charactersMap()))
    #expect(tokenizer.encode("ayxa") == [1, 2, 2, 1, 1, 2])
    #expect(tokenizer.encode(String(repeating: "ay", count: 3000)).count == 9000)

    var cyclic = charactersMap()
    // The child of "a" by "a" is "a" again: node ^ distance ^ "a" = node.
    let node = 4 + 4 * (256 ^ 0x61)
    let unit = UInt32(0x61) << 10 | 0x61
    for byte in 0..<4 { cyclic[node + byte] = UInt8(truncatingIfNeeded: unit >> (byte * 8)) }
    for (reason, map) in [
      ("past its end", charactersMap(rootDistance: 1 << 15)), ("past the replacements", charactersMap(value: 3)),
      ("cycle", cyclic), ("impossible", Array(charactersMap().prefix(100))), ("do not end", charactersMap() + [1]),
      ("header", [1, 2]),
    ] {
      let defect = #expect(throws: CharactersMap.Defect.self) { try CharactersMap(checking: map) }
      #expect(defect?.text.contains(reason) == true, "\(reason)")
      guard case .corruptTokenizer = error(model(map)) else {
        Issue.record("accepted, though: \(reason)")
        continue
      }
    }
  }
}
