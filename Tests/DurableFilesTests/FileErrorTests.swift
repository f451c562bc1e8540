import DurableFiles
import Foundation
import Testing

/// What the user reads: file, cause, expected, found, remedy.
@Suite struct FileErrorTests {
  static let texts: [(FileError, String)] = [
    (
      .missing(file: "m/config.json", advice: "m is no model"),
      "m/config.json: no such file or folder; m is no model"
    ),
    (.unreadable(file: "m", reason: "Permission denied"), "m: cannot be read: Permission denied"),
    (
      .unwritable(file: "m", reason: "No space left on device"),
      "m: cannot be written: No space left on device; make room on its disk"
    ),
    (
      .unwritable(file: "runs/.a.b.12-x0z.partial/model.safetensors", reason: "Disk quota exceeded"),
      "runs/a.b/model.safetensors: cannot be written: Disk quota exceeded; make room on its disk"
    ),
    (.unwritable(file: "/.partial/.m", reason: "Is a directory"), "/.partial/.m: cannot be written: Is a directory"),
    (
      .exists(file: "out"),
      "out: exists already and will not be overwritten; choose another name or remove it first"
    ),
    (
      .pastEnd(file: "f", byteOffset: 8, byteCount: 16, fileSize: 12),
      "f: expected 16 bytes at byte 8, found only 12 bytes in all; it is truncated or damaged"
    ),
    (
      .misaligned(file: "f", byteOffset: 3, alignment: 4),
      "f: expected data at a multiple of 4 bytes, found it at byte 3"
    ),
    (
      .invalidJSON(file: "f", byteOffset: 7, reason: "expected ':', found '}'"),
      "f: not valid JSON at byte 7: expected ':', found '}'"
    ),
    (.duplicateKey(file: "f", key: "w"), "f: the name w occurs twice"),
  ]

  @Test(arguments: texts) func textsNameFileCauseAndRemedy(error: FileError, text: String) {
    #expect(error.description == text)
    #expect(error.localizedDescription == text)
  }
}
