import Foundation
import GGUF
import Testing

@Suite struct GGUFFileTests {
  @Test func anotherKindOfFileIsRefused() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).gguf")
    defer { try? FileManager.default.removeItem(at: url) }
    try Data("GGML, not GGUF".utf8).write(to: url)
    #expect(throws: GGUFError.self) { try GGUFFile(contentsOf: url) }
  }
}
