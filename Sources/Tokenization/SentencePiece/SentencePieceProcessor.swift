import CSentencePiece

/// A model loaded by libsentencepiece.
// The processor behind the pointer is only read after `init`; libsentencepiece allows that from any thread.
final class SentencePieceProcessor: @unchecked Sendable {
  let pointer: OpaquePointer

  /// Throws libsentencepiece's own message.
  init(serialized: [UInt8]) throws(ModelProto.Refusal) {
    var loaded: OpaquePointer?
    var message: UnsafeMutablePointer<CChar>?
    let status = sentencepiece_load(serialized, serialized.count, &loaded, &message)
    guard status == 0, let loaded else { throw .corrupt(takenText(message)) }
    pointer = loaded
  }

  deinit { sentencepiece_release(pointer) }

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

/// The text of a message from C, which is freed.
func takenText(_ message: UnsafeMutablePointer<CChar>?) -> String {
  guard let message else { return "out of memory" }
  defer { sentencepiece_free(message) }
  return String(cString: message)
}
