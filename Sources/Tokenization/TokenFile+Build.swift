import DurableFiles
public import Foundation

extension TokenFile {
  /// The token file of `corpus`: the one that is there, if it was made from the same text with the same tokenizer, or a
  /// new one, which appears only when it is complete. `wasReused` says which. The name is derived from text and
  /// tokenizer, so that files of several corpora can share a folder, and several processes can, too.
  ///
  /// What processes that no longer run left half-written in the folder is removed.
  ///
  /// - Parameters:
  ///   - corpus: the text.
  ///   - tokenizer: what encodes it.
  ///   - folder: where the file is kept, which is created if need be; nil, the default, for `TokenCache.folder()`.
  ///   - threads: the most threads that encode; by default as many as the machine has cores.
  ///   - progress: receives how far the reading has come.
  /// - Returns: the file, opened.
  /// - Throws: what is wrong with the text (`file`, `notUTF8`, `emptyText`, `malformedJSONLine`, `value`), with the
  ///   folder (`cacheFolder`), or with a token file that is there (`corruptTokenFile`).
  public static func open(
    for corpus: Corpus, tokenizer: any Tokenizer, in folder: URL? = nil,
    threads: Int = ProcessInfo.processInfo.activeProcessorCount, progress: (TokenizationProgress) -> Void = { _ in }
  ) throws(TokenizationError) -> TokenFile {
    let folder = folder ?? TokenCache.folder()
    let fingerprint = try corpus.fingerprint()
    let key = Digest.sha256(of: Data((fingerprint + tokenizer.digest.hexadecimal).utf8)).prefix(16)
    let url = folder.appendingPathComponent("\(key).tokens")
    if FileManager.default.fileExists(atPath: url.path) {
      let file = try TokenFile(contentsOf: url, tokenizer: tokenizer, wasReused: true)
      if file.fingerprint == fingerprint { return file }
    }
    try TokenCache.prepare(folder)
    try build(
      at: url, from: corpus, tokenizer: tokenizer, fingerprint: fingerprint, threads: threads, progress: progress)
    return try TokenFile(contentsOf: url, tokenizer: tokenizer, wasReused: false)
  }

  private static func build(
    at url: URL, from corpus: Corpus, tokenizer: any Tokenizer, fingerprint: String, threads: Int,
    progress: (TokenizationProgress) -> Void
  ) throws(TokenizationError) {
    let file = try TokenizationError.wrapping { () throws(FileError) in try AtomicFile(replacing: url) }
    defer { file.cancel() }
    func append(_ bytes: RawSpan) throws(TokenizationError) {
      do { try file.append(bytes) } catch { throw .file(error) }
    }
    var header = TokenFileHeader(tokenizer: tokenizer.digest, fingerprint: fingerprint)
    try append(header.encoded.span.bytes)
    // whether the next id is the first one of a document
    var isFirst = false
    func append(_ ids: [Int32], counted: Bool) throws(TokenizationError) {
      guard !ids.isEmpty else { return }
      var words = ids.map { (UInt32($0) | (counted ? 0 : uncounted)).littleEndian }
      if isFirst { words[0] |= first.littleEndian }
      isFirst = false
      try append(words.span.bytes)
      header.tokens += ids.count
      if counted { header.countedTokens += ids.count }
    }
    header.counts = try tokenizer.read(corpus, threads: threads, progress: progress) {
      (part) throws(TokenizationError) in
      switch part {
      case .startOfDocument:
        isFirst = true
        try append([tokenizer.bosID].compactMap(\.self), counted: false)
      case .ids(let ids, let counted): try append(ids, counted: counted)
      case .endOfDocument(let hasEnd): if hasEnd { try append([tokenizer.eosID].compactMap(\.self), counted: true) }
      }
    }
    try TokenizationError.wrapping { () throws(FileError) in
      try file.overwrite(header.encoded.span.bytes, at: 0)
      try file.commit()
    }
  }
}

extension Corpus {
  /// Stands for the text itself, wherever it lies, and for how it is read. Throws `file`.
  fileprivate func fingerprint() throws(TokenizationError) -> String {
    var content = "Limbeck corpus 4\n\(keys.text)\n\(keys.prompt)\n\(keys.completion)\n\(counting.rawValue)\n"
    content += "\(keys.preferred?.rawValue ?? "none")\n"
    content += "\(chatFormat.map { "\($0)" } ?? "none")\n\(part.map { "\($0)" } ?? "all")\n"
    for source in sources {
      let text = try OpenText(source)
      content += "\(source.format.rawValue) \(text.withBytes { Digest.sha256(of: $0) })\n"
    }
    return Digest.sha256(of: Data(content.utf8))
  }
}
