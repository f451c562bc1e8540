import Diagnostics
import DurableFiles
import Foundation
import ModelFiles
import Testing

/// What the user reads: file, cause, expected, found, remedy.
@Suite struct ModelFileErrorTests {
  static let texts: [(ModelFileError, String)] = [
    (.file(.duplicateKey(file: "f", key: "w")), "f: the name w occurs twice"),
    (
      .value(InvalidValue("f", "vocab_size", expected: "an integer", found: "\"x\"")),
      "f: vocab_size: expected an integer, found \"x\""
    ),
    (
      .headerTooLong(file: "f", byteCount: 9, limit: 8),
      "f: header: expected at most 8 bytes, found 9; it is damaged or no safetensors file"
    ),
    (.overlappingTensors(file: "f", first: "a", second: "b"), "f: tensors a and b overlap"),
    (.unusedBytes(file: "f", from: 4, to: 8), "f: bytes 4 to 8 belong to no tensor; the file is damaged"),
    (
      .notWeights(file: "f", tensor: "w", found: "I64"),
      "f: tensor w: expected one of F16, BF16, F32, F64, F8_E5M2, F8_E4M3, found I64"
    ),
    (.missingTensor(file: "f", tensor: "w"), "f: tensor w is missing"),
    (.missingTensor(file: "f", tensor: "w", advice: "look for it"), "f: tensor w is missing; look for it"),
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

  @Test(arguments: texts) func textsNameFileCauseAndRemedy(error: ModelFileError, text: String) {
    #expect(error.description == text)
    #expect(error.localizedDescription == text)
  }
}
