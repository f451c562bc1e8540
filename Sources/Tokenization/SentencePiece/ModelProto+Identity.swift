import DurableFiles
import Foundation

extension TokenizerDigest {
  init(_ proto: ModelProto, specialIDs: [Int32?]) {
    var content: [UInt8] = []
    func add(_ number: some FixedWidthInteger) {
      withUnsafeBytes(of: UInt64(truncatingIfNeeded: number).littleEndian) { content.append(contentsOf: $0) }
    }
    func add(_ bytes: some Collection<UInt8>) {
      add(bytes.count)
      content.append(contentsOf: bytes)
    }
    content.reserveCapacity(proto.pieces.bytes.count + 24 * proto.pieces.count + 1 << 12)
    add("Limbeck tokenizer digest 1".utf8)
    add(proto.pieces.count)
    for id in 0..<proto.pieces.count {
      add(proto.pieces.bytes(at: id))
      add(proto.scores[id].bitPattern)
      add(proto.kinds[id].rawValue)
    }
    for id in specialIDs { add(id ?? -1) }
    add(proto.normalizer.charactersMap)
    let flags = [
      proto.normalizer.addsDummyPrefix, proto.normalizer.removesExtraWhitespace, proto.normalizer.escapesWhitespace,
      proto.whitespaceIsSuffix, proto.byteFallback,
    ]
    for flag in flags { add(flag ? 1 : 0) }
    add(proto.modelType)
    add(proto.unknownSurface.utf8)
    hexadecimal = Digest.sha256(of: content)
  }
}

extension ModelProto {
  /// What else turns text into ids, besides pieces and special ids.
  var settings: [TokenizerFact] {
    [
      TokenizerFact("model_type", "\(modelType)"),
      TokenizerFact("byte_fallback", "\(byteFallback)"),
      TokenizerFact("add_dummy_prefix", "\(normalizer.addsDummyPrefix)"),
      TokenizerFact("remove_extra_whitespaces", "\(normalizer.removesExtraWhitespace)"),
      TokenizerFact("escape_whitespaces", "\(normalizer.escapesWhitespace)"),
      TokenizerFact("treat_whitespace_as_suffix", "\(whitespaceIsSuffix)"),
      TokenizerFact(
        "precompiled_charsmap",
        "\(normalizer.charactersMap.count) bytes, SHA-256 \(Digest.sha256(of: Data(normalizer.charactersMap)))"),
      TokenizerFact("unk_surface", "\"\(unknownSurface.escaped)\""),
    ]
  }
}
