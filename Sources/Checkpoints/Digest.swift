import Crypto
public import Foundation

/// SHA-256 digests, as 64 lower-case hexadecimal digits: what checkpoints, token files and reports use to name the
/// tokenizer and weights they were made with.
public enum Digest {
  /// The SHA-256 digest of `bytes`.
  public static func sha256(of bytes: RawSpan) -> String {
    var hash = SHA256()
    bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
    return hash.finalize().reduce(into: "") { text, byte in
      let digits = String(byte, radix: 16)
      text += digits.count == 1 ? "0" + digits : digits
    }
  }

  /// The SHA-256 digest of `data`.
  public static func sha256(of data: Data) -> String { sha256(of: data.bytes) }

  /// The SHA-256 digest of a file's content.
  public static func sha256(of file: MappedFile) -> String { file.withBytes { sha256(of: $0) } }
}
