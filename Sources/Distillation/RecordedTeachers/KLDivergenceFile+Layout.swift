import Diagnostics
import DurableFiles

extension KLDivergenceFile {
  /// Where everything lies, by the file's header.
  struct Layout {
    let vocabularySize: Int
    let chunkLength: Int
    let chunkCount: Int

    static let magic = Array("_logits_".utf8)
    static let headerSize = 20

    /// The ids of all chunks.
    var tokenCount: Int { chunkCount * chunkLength }
    /// The place whose row is the first: it is the distribution of the next one.
    var firstScored: Int { chunkLength / 2 }
    var rowsPerChunk: Int { chunkLength - 1 - firstScored }
    /// Two numbers of 4 bytes, and V of 2, filled up to a multiple of 4.
    var rowSize: Int { 8 + (2 * vocabularySize + 3) / 4 * 4 }

    func offset(chunk: Int, row: Int) -> Int {
      Self.headerSize + 4 * tokenCount + (chunk * rowsPerChunk + row) * rowSize
    }

    /// Reads the header, and checks that the file is as large as it says.
    init(_ file: MappedFile) throws(TeacherCacheError) {
      func invalid(_ key: String, expected: String, found: String, advice: String? = nil) -> TeacherCacheError {
        .value(InvalidValue(file.path, key, expected: expected, found: found, advice: advice))
      }
      guard file.count >= Self.headerSize else {
        throw invalid("size", expected: "at least \(Self.headerSize) bytes", found: "\(file.count)")
      }
      let (magic, numbers) = try TeacherCacheError.wrapping { () throws(FileError) in
        (
          try file.elements(of: UInt8.self, at: 0, count: 8).array,
          try file.elements(of: Int32.self, at: 8, count: 3).array.map { Int($0) }
        )
      }
      guard magic == Self.magic else {
        throw invalid(
          "beginning", expected: "_logits_, as llama-perplexity --kl-divergence-base writes it",
          found: "other bytes")
      }
      for (key, number, least) in [("n_ctx", numbers[0], 4), ("n_vocab", numbers[1], 2), ("n_chunk", numbers[2], 1)] {
        guard number >= least else { throw invalid(key, expected: "at least \(least)", found: "\(number)") }
      }
      (chunkLength, vocabularySize, chunkCount) = (numbers[0], numbers[1], numbers[2])
      // numbers below 2³¹: neither n·C nor the size of a chunk overflows, but their product may
      let perChunk = 4 * chunkLength + (chunkLength - 1 - chunkLength / 2) * (8 + (2 * vocabularySize + 3) / 4 * 4)
      let (content, overflows) = chunkCount.multipliedReportingOverflow(by: perChunk)
      guard !overflows, content <= .max - Self.headerSize, file.count == content + Self.headerSize else {
        let isShort = overflows || file.count - Self.headerSize < content
        throw invalid(
          "size",
          expected: overflows
            ? "fewer tokens" : "\(content) bytes after the header, for \(chunkCount) chunks of \(chunkLength) tokens",
          found: "\(file.count - Self.headerSize)",
          advice: isShort
            ? "the file is cut short: llama-perplexity was stopped, or has not finished" : "the file is damaged")
      }
    }
  }
}
