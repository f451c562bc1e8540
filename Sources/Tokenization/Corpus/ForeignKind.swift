/// A kind of file that is no text in UTF-8, told by its first bytes.
struct ForeignKind: Equatable {
  /// What it is: "a gzip-compressed file".
  let name: String
  /// What to do.
  let advice: String

  /// The kind of a file with these first bytes; nil for what may be text.
  init?(of bytes: [UInt8], named fileName: String) {
    func starts(_ magic: [UInt8], at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: magic) }
    func starts(_ magic: String) -> Bool { starts(Array(magic.utf8)) }
    let utf32 = starts([0xFF, 0xFE, 0, 0]) || starts([0, 0, 0xFE, 0xFF])
    let utf16 = starts([0xFF, 0xFE]) || starts([0xFE, 0xFF]) || Self.alternatesWithZeros(bytes)
    let found: (name: String, advice: String)? =
      switch true {
      case starts([0x1F, 0x8B]): ("a file compressed with gzip", "decompress it first: gunzip --keep \(fileName)")
      case starts([0x28, 0xB5, 0x2F, 0xFD]):
        ("a file compressed with Zstandard", "decompress it first: unzstd \(fileName)")
      case starts("BZh"): ("a file compressed with bzip2", "decompress it first: bunzip2 --keep \(fileName)")
      case starts([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]):
        ("a file compressed with xz", "decompress it first: unxz --keep \(fileName)")
      case starts([0x04, 0x22, 0x4D, 0x18]):
        ("a file compressed with LZ4", "decompress it first: unlz4 \(fileName)")
      case starts([0x50, 0x4B, 0x03, 0x04]), starts([0x50, 0x4B, 0x05, 0x06]):
        ("a ZIP archive", "take the text out of it first, for example with unzip")
      case starts([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]): ("a 7z archive", "take the text out of it first")
      case starts(Array("ustar".utf8), at: 257): ("a tar archive", "unpack it first: tar -xf \(fileName)")
      case starts("PAR1"):
        ("a Parquet file", "convert it to JSON Lines first, for example with the Python package datasets: to_json")
      case starts("ARROW1"): ("an Arrow file", "convert it to JSON Lines first")
      case starts("SQLite format 3\0"): ("an SQLite database", "convert it to text first")
      case starts("%PDF-"): ("a PDF file", "convert it to text first, for example with pdftotext")
      case starts("GGUF"): ("a model in a GGUF file", "check the path")
      case starts("_logits_"): ("log-probabilities of llama-perplexity", "check the path")
      // the length of its header, below 4 GiB, and the header, an object
      case starts([0, 0, 0, 0, 0x7B], at: 4): ("a model's weights in a safetensors file", "check the path")
      case starts([0x7F, 0x45, 0x4C, 0x46]): ("a program", "check the path")
      case starts([0x89, 0x50, 0x4E, 0x47]), starts([0xFF, 0xD8, 0xFF]): ("an image", "check the path")
      case starts("version https://git-lfs.github.com/spec/"):
        ("a pointer of Git LFS to a file that was not fetched", "fetch it first: git lfs pull")
      case utf32: ("UTF-32", "convert it first: iconv -f UTF-32 -t UTF-8 \(fileName)")
      case utf16: ("UTF-16", "convert it first: iconv -f UTF-16 -t UTF-8 \(fileName)")
      default: nil
      }
    guard let found else { return nil }
    (name, advice) = found
  }

  /// Throws `notText` where the beginning of a text is that of another kind of file; errors call it `name`.
  static func refuse(_ beginning: [UInt8], name: String) throws(TokenizationError) {
    guard let kind = Self(of: Array(beginning.prefix(TextSource.examinedBytes)), named: name) else { return }
    throw .notText(file: name, found: kind.name, advice: kind.advice)
  }

  /// The kind of a file whose name says that it is a table, which has its text in one of its columns; nil for others.
  init?(ofName fileName: String) {
    let pathExtension = fileName.split(separator: ".").last?.lowercased() ?? ""
    let kinds = [
      "csv": "a table of comma-separated values", "tsv": "a table of tab-separated values", "parquet": "a Parquet file",
      "arrow": "an Arrow file", "feather": "a Feather file", "xlsx": "a spreadsheet", "ods": "a spreadsheet",
    ]
    guard let kind = kinds[pathExtension] else { return nil }
    name = kind
    advice =
      "convert it to JSON Lines first, for example with Python's pandas: to_json(\"rows.jsonl\", orient=\"records\", "
      + "lines=True)" + (["csv", "tsv"].contains(pathExtension) ? "; as plain text it is read if it ends in .txt" : "")
  }

  /// Whether every other byte is zero, as in UTF-16 of Latin letters without a byte order mark.
  private static func alternatesWithZeros(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= 16 else { return false }
    for offset in 0...1 {
      if bytes.indices.allSatisfy({ (bytes[$0] == 0) == ($0 % 2 == offset) }) { return true }
    }
    return false
  }
}
