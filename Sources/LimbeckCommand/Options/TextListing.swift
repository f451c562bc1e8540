import Logging
import Tokenization

/// How files and folders of text are listed: what their keys are called, and what counts.
struct TextListing {
  var keys = JSONLinesKeys()
  var counting = CountedTokens.completions

  /// The text of files and folders; says which files of the folders are left out.
  func corpus(_ paths: [String], _ console: Console) throws -> Corpus {
    let corpus = try Corpus(paths: paths, keys: keys, counting: counting)
    let shown = 5
    for file in corpus.leftOut.prefix(shown) { Logger(console).warning("left out \(file.path): \(file.reason)") }
    if corpus.leftOut.count > shown {
      Logger(console).warning("left out \(Format.count(corpus.leftOut.count - shown)) more files of these folders")
    }
    return corpus
  }
}
