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

  /// The text that the cache holds, as ids of `tokenizer`; nil where it holds none. Throws `value` where that is not
  /// the cache's tokenizer; `damaged`, `file`.
  public func ownText(_ tokenizer: any Tokenizer) throws(TeacherCacheError) -> TokenFile? {
    if description.text == nil { return nil }
    try TeacherCacheDescription.require(
      "tokenizer digest", tokenizer.digest.hexadecimal, description.tokenizer, of: url)
    let file = Self.textFile(in: url)
    do throws(TokenizationError) { return try TokenFile(contentsOf: file, tokenizer: tokenizer) } catch {
      if case .file(let error) = error { throw .file(error) }
      throw .damaged(file: file.path, reason: "its content is not what was written")
    }
  }

  /// Writes the files of the tokenizer where one is not there, or where what is there is another tokenizer, or none.
  func restore(_ tokenizerFiles: [NamedFile]) throws(FileError) {
    if tokenizerFiles.allSatisfy({ somethingExists(at: url.appendingPathComponent($0.name).path) }) {
      let there = try? loadTokenizer(from: url)
      if there?.digest.hexadecimal == description.tokenizer { return }
    }
    for file in tokenizerFiles { try file.write(to: url) }
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
