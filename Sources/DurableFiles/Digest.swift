import CLibCrypto
public import Foundation

/// SHA-256 digests, as 64 lower-case hexadecimal digits: what checkpoints, token files and reports use to name the
/// tokenizer and weights they were made with.
public enum Digest {
  /// The SHA-256 digest of `bytes`, by OpenSSL's libcrypto.
  public static func sha256(of bytes: RawSpan) -> String {
    var digest = [UInt8](repeating: 0, count: size)
    let status = bytes.withUnsafeBytes { EVP_Digest($0.baseAddress, $0.count, &digest, nil, EVP_sha256(), nil) }
    precondition(status == 1, "libcrypto has no SHA-256")
    return text(digest)
  }

  /// The SHA-256 digest of arrays of bytes, one after another, which are not copied together.
  public static func sha256(of parts: [[UInt8]]) -> String {
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    var status = EVP_DigestInit_ex(context, EVP_sha256(), nil)
    for part in parts where status == 1 { status = EVP_DigestUpdate(context, part, part.count) }
    var digest = [UInt8](repeating: 0, count: size)
    if status == 1 { status = EVP_DigestFinal_ex(context, &digest, nil) }
    precondition(status == 1, "libcrypto has no SHA-256")
    return text(digest)
  }

  private static let size = 32

  private static func text(_ digest: [UInt8]) -> String {
    digest.reduce(into: "") { text, byte in
      let digits = String(byte, radix: 16)
      text += digits.count == 1 ? "0" + digits : digits
    }
  }

  /// The SHA-256 digest of an array of bytes.
  public static func sha256(of bytes: [UInt8]) -> String { sha256(of: bytes.span.bytes) }

  /// The SHA-256 digest of `data`.
  public static func sha256(of data: Data) -> String { sha256(of: data.bytes) }

  /// The SHA-256 digest of a file's content.
  public static func sha256(of file: MappedFile) -> String { sha256(of: file, in: 0..<file.count) }

  /// The SHA-256 digest of some of a file's bytes; `range` must lie in the file.
  public static func sha256(of file: MappedFile, in range: Range<Int>) -> String {
    file.withBytes { sha256(of: $0.extracting(range)) }
  }
}
