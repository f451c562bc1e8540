import DurableFiles
import Foundation
public import ModelTraining
public import Tokenization

/// The text of a cache that holds its own.
extension TeacherCacheFolder {
  /// The name of the token file.
  static let textFileName = "text.tokens"

  /// The token file of the cache in `folder`.
  static func textFile(in folder: URL) -> URL { folder.appendingPathComponent(textFileName) }

  /// The text that the cache holds, as ids of `tokenizer`; nil where it holds none. Throws what `TokenFile` throws.
  public func ownText(_ tokenizer: any Tokenizer) throws(TokenizationError) -> TokenFile? {
    if description.text == nil { return nil }
    return try TokenFile(contentsOf: Self.textFile(in: url), tokenizer: tokenizer)
  }

  /// Checks that a text is the one that the cache was made of, cut into the same sequences. Throws `value`.
  public func requireText(_ text: PackedSequences) throws(TeacherCacheError) {
    try description.requireText(text, of: url)
  }

  /// Writes the text, where it is not there already. Throws `file`.
  func writeText(_ file: NamedFile) throws(TeacherCacheError) {
    do throws(TeacherCacheError) { try requireText(digest: Digest.sha256(of: file.contents)) } catch {
      try TeacherCacheError.wrapping { () throws(FileError) in try file.write(to: url) }
    }
  }

  /// Checks that the text is there and whole. Throws `damaged`, or `file`.
  func requireText(digest: String) throws(TeacherCacheError) {
    let file = try TeacherCacheError.wrapping { () throws(FileError) in
      try MappedFile(contentsOf: Self.textFile(in: url))
    }
    guard Digest.sha256(of: file, in: 0..<file.count) == digest else {
      throw .damaged(file: file.path, reason: "its content is not what was written")
    }
  }
}
