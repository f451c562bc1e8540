import Diagnostics
import DurableFiles
public import Foundation
import LanguageModels

private let bytesBetweenReleases = 16 << 20

extension StoredModel {
  /// Writes the model with fewer rows of embedding and head to `destination`, where nothing may stand. It appears there
  /// whole, after it was read back.
  /// - Parameters:
  ///   - destination: a folder or a file, as the model is; its parent must exist.
  ///   - rows: those that stay.
  ///   - tokenizer: what is written of the tokenizer that goes with them.
  ///   - progress: hears how many of how many bytes are written.
  ///   - check: gets what was written before it appears.
  /// - Throws: `ModelFileError`, or `FileError` of what the disk refuses; what `check` throws.
  public func write(
    to destination: URL, keeping rows: VocabularyRows, with tokenizer: TokenizerParts,
    progress: (Int, Int) -> Void = { _, _ in }, check: (URL) throws -> Void = { _ in }
  ) throws {
    try requireExactly(configuration.weights)
    let expected = try rows.reduced(configuration, file: configurationFile.path)
    let folder = try AtomicFolder(creating: destination)
    // a model may be larger than memory
    var released = 0
    let url = try write(
      into: folder.contents, as: destination.lastPathComponent, keeping: rows, with: tokenizer
    ) { written, total in
      if written - released >= bytesBetweenReleases {
        releasePages()
        released = written
      }
      progress(written, total)
    }
    releasePages()
    let written = try openModel(at: url)
    try written.requireExactly(written.configuration.weights)
    guard written.configuration == expected else {
      throw ModelFileError.value(
        InvalidValue(
          configurationFile.path, "the model with fewer tokens", expected: "\(expected)",
          found: "\(written.configuration)"))
    }
    try check(url)
    if fileExtension == nil { try folder.commit() } else { try folder.commit(file: url.lastPathComponent) }
  }
}
