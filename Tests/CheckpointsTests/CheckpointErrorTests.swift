import Checkpoints
import Foundation
import Testing

/// What the user reads: file, cause, expected, found, remedy.
@Suite struct CheckpointErrorTests {
  static let texts: [(CheckpointError, String)] = [
    (
      .missingFile(file: "m/config.json", advice: "m is no model"),
      "m/config.json: no such file or folder; m is no model"
    ),
    (.unreadable(file: "m", reason: "Permission denied"), "m: cannot be read: Permission denied"),
    (
      .unwritable(file: "m", reason: "No space left on device"),
      "m: cannot be written: No space left on device"
    ),
    (
      .destinationExists(file: "out"),
      "out: exists already and will not be overwritten; choose another name or remove it first"
    ),
    (
      .pastEnd(file: "f", byteOffset: 8, byteCount: 16, fileSize: 12),
      "f: 16 bytes expected at byte 8, but the file has only 12 bytes; it is truncated or damaged"
    ),
    (
      .misaligned(file: "f", byteOffset: 3, alignment: 4),
      "f: data expected at a multiple of 4 bytes, found at byte 3"
    ),
    (
      .invalidJSON(file: "f", byteOffset: 7, reason: "':' expected, '}' found"),
      "f: not valid JSON at byte 7: ':' expected, '}' found"
    ),
    (.duplicateKey(file: "f", key: "w"), "f: the name w occurs twice"),
    (
      .invalidConfiguration(file: "f", key: "vocab_size", expected: "an integer", found: "\"x\""),
      "f: vocab_size: expected an integer, found \"x\""
    ),
    (
      .headerTooLong(file: "f", byteCount: 9, limit: 8),
      "f: a header of 9 bytes, at most 8 expected; it is damaged or no safetensors file"
    ),
    (
      .invalidTensor(file: "f", tensor: "w", key: "dtype", expected: "one of F32", found: "\"F33\""),
      "f: tensor w: dtype: expected one of F32, found \"F33\""
    ),
    (.overlappingTensors(file: "f", first: "a", second: "b"), "f: tensors a and b overlap"),
    (.unusedBytes(file: "f", from: 4, to: 8), "f: bytes 4 to 8 belong to no tensor; the file is damaged"),
    (.notWeights(file: "f", tensor: "w", found: "I64"), "f: tensor w: expected F32, F16 or BF16, found I64"),
    (.missingTensor(file: "f", tensor: "w"), "f: tensor w is missing"),
    (
      .unexpectedTensor(file: "f", tensor: "w"),
      "f: tensor w is not part of the model that the configuration describes"
    ),
    (
      .wrongShape(file: "f", tensor: "w", expected: [2, 3], found: [6]),
      "f: tensor w: expected shape [2, 3], found [6]"
    ),
    (
      .untiedTensors(file: "f", first: "a", second: "b"),
      "f: config.json ties a to b, but their values differ; set tie_word_embeddings to false"
    ),
  ]

  @Test(arguments: texts) func textsNameFileCauseAndRemedy(error: CheckpointError, text: String) {
    #expect(error.description == text)
    #expect(error.localizedDescription == text)
  }
}
