import DurableFiles

/// The bytes of a text that is being read: a mapped file, which may be larger than memory, or a text in memory.
struct OpenText {
  /// What errors call it.
  let name: String
  private let content: Content

  private enum Content {
    case file(MappedFile)
    case memory([UInt8])
  }

  /// Throws `file` where a file cannot be read any more.
  init(_ source: TextSource) throws(TokenizationError) {
    name = source.name
    switch source.content {
    case .file(let url):
      content = .file(try TokenizationError.wrapping { () throws(FileError) in try MappedFile(contentsOf: url) })
    case .memory(let text):
      content = .memory(Array(text.utf8))
    }
  }

  /// A text that is read already; errors call it `name`.
  init(_ bytes: [UInt8], name: String) {
    self.name = name
    content = .memory(bytes)
  }

  /// The number of bytes.
  var count: Int {
    switch content {
    case .file(let file): file.count
    case .memory(let bytes): bytes.count
    }
  }

  /// Calls `body` with all the bytes.
  func withBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
    switch content {
    case .file(let file): file.withBytes(body)
    case .memory(let bytes): body(bytes.span.bytes)
    }
  }

  /// A copy of the bytes at `range`.
  func bytes(_ range: Range<Int>) -> [UInt8] {
    withBytes { $0.extracting(range).withUnsafeBytes { Array($0) } }
  }

  /// Where the byte order mark ends with which the text begins, or 0.
  var start: Int { count >= 3 && bytes(0..<3) == [0xEF, 0xBB, 0xBF] ? 3 : 0 }

  /// Checks that there is anything behind a byte order mark. Throws `emptyText`, or `notText` where the mark is all.
  func requireContent() throws(TokenizationError) {
    guard count == start else { return }
    guard count > 0 else { throw .emptyText(file: name) }
    throw .notText(file: name, found: "a byte order mark and nothing else", advice: "give a file with text in it")
  }

  /// The first place from `offset` on, up to the end, at which `byte` stands.
  func firstIndex(of byte: UInt8, from offset: Int) -> Int {
    withBytes { bytes in
      var end = offset
      while end < bytes.byteCount, bytes.unsafeLoad(fromByteOffset: end, as: UInt8.self) != byte { end += 1 }
      return end
    }
  }

  /// How many line feeds there are in `range`.
  func lineBreaks(in range: Range<Int>) -> Int {
    withBytes { bytes in
      var count = 0
      for index in range where bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self) == 0x0A { count += 1 }
      return count
    }
  }

  /// The line, counted from 1, and the column, counted from 1 in characters, of the byte at `offset`.
  func place(of offset: Int) -> (line: Int, column: Int) {
    withBytes { bytes in
      var (line, start) = (1, 0)
      for index in 0..<offset where bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self) == 0x0A {
        (line, start) = (line + 1, index + 1)
      }
      let before = bytes.extracting(start..<offset).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
      return (line, before.unicodeScalars.count + 1)
    }
  }
}
