import Foundation
import Limbeck
import TestSupport
import Testing

/// Thousands of files that are damaged in some way: each opens, or throws one of the errors of its modules, soon.
@Suite struct GGUFFuzzTests {
  /// A debug build takes ten times as long.
  #if DEBUG
    private static let files = 1000
  #else
    private static let files = 10_000
  #endif

  /// Models with vocabularies of SentencePiece, and vocabularies alone of byte-level BPE.
  private static let fixtures =
    ["llama", "gemma3_text", "phi3", "granite"].map { "gguf/\($0)/\(name)" }
    + ["gpt2", "qwen2", "llama3", "deepseek_coder"].map { "gguf_tokenizer/\($0).gguf" }

  /// Seconds that one file may take.
  private static let patience: UInt32 = 20

  /// In a process of its own, whose memory nobody else takes.
  @Test func damagedFilesAreRefusedOrOpened() async {
    await #expect(processExitsWith: .success) { try GGUFFuzzTests.run() }
  }

  private static func run() throws {
    // what is allocated beyond that fails
    var limit = rlimit(rlim_cur: 8 << 30, rlim_max: 8 << 30)
    #expect(setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0)
    let folder = try TemporaryFolder()
    let sources = try fixtures.map { path in
      let url = ModelFixture.root.appendingPathComponent(path)
      let bytes = Array(try Data(contentsOf: url))
      // behind that lie weights, which may have any value
      let header = try GGUFFile(contentsOf: url).tensors.first?.byteRange.lowerBound ?? bytes.count
      return Source(bytes: bytes, header: header)
    }
    var generator = SeededGenerator(seed: 21)
    var (opened, read) = (0, 0)
    for index in 0..<files {
      let file = try folder.write(mutated(sources[index % sources.count], among: sources, using: &generator), to: name)
      // the signal ends the process
      alarm(patience)
      do throws(ModelFileError) {
        let model = try openModel(at: file)
        try model.requireExactly(model.configuration.weights)
        opened += 1
      } catch {}
      do throws(TokenizationError) {
        _ = try loadTokenizer(from: file)
        read += 1
      } catch {}
    }
    alarm(0)
    // some changes are of a name or of a weight, and most are not
    #expect(opened > 0 && opened < files / 2 && read > 0 && read < files)
    #expect(peakMemory < 512 << 20, "\(peakMemory >> 20) MiB")
  }

  private static let name = "model.gguf"

  private struct Source {
    let bytes: [UInt8]
    let header: Int
  }

  private static func mutated(
    _ source: Source, among sources: [Source], using generator: inout SeededGenerator
  ) -> [UInt8] {
    var bytes = source.bytes
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      let header = min(source.header, bytes.count)
      guard header > 8 else { break }
      let place = Int.random(in: 0..<header, using: &generator)
      switch Int.random(in: 0..<7, using: &generator) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[place] = .random(in: 0...255, using: &generator)
      case 2: overwrite(&bytes, at: place, extremes.randomElement(using: &generator) ?? 0, width: 4)
      case 3: overwrite(&bytes, at: place, extremes.randomElement(using: &generator) ?? 0, width: 8)
      case 4: bytes.removeSubrange(place...)
      case 5:
        // a part of this header or of another one
        let other = sources.randomElement(using: &generator) ?? source
        let start = Int.random(in: 0..<other.header, using: &generator)
        let end = min(other.header, start + Int.random(in: 1...64, using: &generator))
        bytes.replaceSubrange(place..<min(header, place + end - start), with: other.bytes[start..<end])
      default: bytes.removeSubrange(place..<min(header, place + Int.random(in: 1...16, using: &generator)))
      }
    }
    return bytes
  }

  private static let extremes: [UInt64] = [
    0, 1, 2, 8, 9, 12, 0x7F, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32, 1 << 40, 1 << 62,
    0x7FFF_FFFF_FFFF_FFFF, 1 << 63, .max, .max - 7, .max - 31, 0x7F80_0000, 0x7FC0_0000, 1 << 20, 1 << 24, 1 << 28,
  ]

  private static func overwrite(_ bytes: inout [UInt8], at place: Int, _ value: UInt64, width: Int) {
    for index in 0..<width where place + index < bytes.count {
      bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
    }
  }

  /// The most memory that the process has had, in bytes (`VmHWM`).
  private static var peakMemory: Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }
}
