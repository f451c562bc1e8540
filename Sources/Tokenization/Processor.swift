import CSentencePiece

/// A model loaded by libsentencepiece.
// The processor behind the pointer is only read after `init`; libsentencepiece allows that from any thread.
final class Processor: @unchecked Sendable {
  private let pointer: OpaquePointer

  /// Throws libsentencepiece's own message.
  init(serialized: [UInt8]) throws(ModelProto.Refusal) {
    var loaded: OpaquePointer?
    var message: UnsafeMutablePointer<CChar>?
    let status = sentencepiece_load(serialized, serialized.count, &loaded, &message)
    guard status == 0, let loaded else { throw .corrupt(takenText(message)) }
    pointer = loaded
  }

  deinit { sentencepiece_release(pointer) }

  /// Encodes `batch`; where its texts' ids end is returned beside them.
  static func encode(
    _ batch: TextBatch, starting start: Processor, inner: Processor, literalSpace: [Int32]?, threads: Int
  ) -> (ids: [Int32], ends: [Int]) {
    guard !batch.ends.isEmpty else { return ([], []) }
    var ids: UnsafeMutablePointer<Int32>?
    var message: UnsafeMutablePointer<CChar>?
    var status: Int32 = 0
    let idEnds = [Int](unsafeUninitializedCapacity: batch.ends.count) { idEnds, count in
      batch.ends.withUnsafeBufferPointer { ends in
        idEnds.withMemoryRebound(to: UInt.self) { idEnds in
          ends.withMemoryRebound(to: UInt.self) { ends in
            status = sentencepiece_encode(
              start.pointer, inner.pointer, batch.bytes, ends.baseAddress, batch.startsText, ends.count,
              literalSpace, threads, &ids, idEnds.baseAddress, &message)
          }
        }
      }
      count = status == 0 ? batch.ends.count : 0
    }
    defer { sentencepiece_free(ids) }
    // A sound model encodes every text; what is left is lack of memory.
    precondition(status == 0, "libsentencepiece cannot encode: \(takenText(message))")
    return (Array(UnsafeBufferPointer(start: ids, count: idEnds.last ?? 0)), idEnds)
  }

  /// Decodes ids, each of them in the vocabulary.
  func decode(_ ids: [Int32]) -> String {
    var text: UnsafeMutablePointer<CChar>?
    var message: UnsafeMutablePointer<CChar>?
    var size = 0
    let status = sentencepiece_decode(pointer, ids, ids.count, &text, &size, &message)
    defer { sentencepiece_free(text) }
    precondition(status == 0, "libsentencepiece cannot decode: \(takenText(message))")
    return String(decoding: UnsafeRawBufferPointer(start: text, count: size), as: UTF8.self)
  }
}

/// Texts to encode, one after another, each a whole text or a part of one.
struct TextBatch {
  var bytes: [UInt8] = []
  /// Where each text ends in `bytes`.
  var ends: [Int] = []
  /// 1 where a whole text starts, 0 where one goes on.
  var startsText: [UInt8] = []
}

/// The text of a message from C, which is freed.
func takenText(_ message: UnsafeMutablePointer<CChar>?) -> String {
  guard let message else { return "out of memory" }
  defer { sentencepiece_free(message) }
  return String(cString: message)
}
