import Diagnostics
import DurableFiles

extension SentencePieceTokenizer: ReducibleTokenizer {
  /// Beside bytes, signs, the unknown piece and those of the user:
  ///
  /// - the space, which stands for itself where a text is cut;
  /// - all single characters, where no bytes stand in for those that the vocabulary lacks;
  /// - `unused` pieces that merging can make, with what they are made of: libsentencepiece makes them, and takes them
  ///   apart again when all is done;
  /// - of a unigram model the best and the worst piece, from whose scores follow those of unknown characters and of the
  ///   user's pieces (`min_score_`, `max_score_` in unigram_model.cc).
  public func indispensableIDs() throws(TokenizationError) -> [Int32] {
    guard proto.modelType <= 2 else {
      throw .value(
        InvalidValue(
          "tokenizer", "model_type", expected: "BPE or unigram, which can be reduced",
          found: proto.modelType == 3 ? "words" : "characters"))
    }
    var ids = Set<Int32>()
    var (best, worst): (Int32?, Int32?)
    for id in 0..<Int32(vocabularySize) {
      switch kind(id) {
      case .unknown, .control, .userDefined, .byte: ids.insert(id)
      case .unused where proto.modelType == 2:
        let derivation = derivation(of: id)
        if derivation.count > 1 { ids.formUnion(derivation) }
      case .unused: break
      case .normal:
        if score(id) > best.map(score) ?? -.infinity { best = id }
        if score(id) < worst.map(score) ?? .infinity { worst = id }
        let piece = spelling(of: id).unicodeScalars
        if piece.count == 1, !proto.byteFallback || piece.first == "\u{2581}" { ids.insert(id) }
      }
    }
    if proto.modelType == 1 { ids.formUnion([best, worst].compactMap(\.self)) }
    return ids.sorted()
  }

  public func derivation(of id: Int32) -> [Int32] {
    guard proto.modelType == 2, [.normal, .unused].contains(kind(id)) else { return [id] }
    let piece = Array(spelling(of: id).utf8)
    var symbols = piece.indices.filter { piece[$0] & 0xC0 != 0x80 }.map { $0..<$0 }
    for index in symbols.indices {
      let end = index + 1 < symbols.count ? symbols[index + 1].lowerBound : piece.count
      symbols[index] = symbols[index].lowerBound..<end
    }
    var arisen: Set<Int32> = [id]
    for symbol in symbols { if let id = merged(piece[symbol]) { arisen.insert(id) } }
    while symbols.count > 1 {
      var best: (score: Float, place: Int, id: Int32)?
      for place in 0..<symbols.count - 1 {
        let both = symbols[place].lowerBound..<symbols[place + 1].upperBound
        guard let id = merged(piece[both]), score(id) > best?.score ?? -.infinity else { continue }
        best = (score(id), place, id)
      }
      guard let best else { break }
      symbols[best.place] = symbols[best.place].lowerBound..<symbols[best.place + 1].upperBound
      symbols.remove(at: best.place + 1)
      arisen.insert(best.id)
    }
    return arisen.sorted()
  }

  /// The piece that two symbols become, or that a character is: none that stands for no text.
  private func merged(_ symbol: ArraySlice<UInt8>) -> Int32? {
    guard let id = id(spelled: Array(symbol)), [.normal, .userDefined, .unused].contains(kind(id)) else { return nil }
    return id
  }

  public func reduced(by reduction: VocabularyReduction) throws(TokenizationError) -> any ReducibleTokenizer {
    let content: [UInt8]
    do { content = try ModelProto.reduced(serialized, by: reduction) } catch {
      throw TokenizationError(error, file: TokenizerFormat.sentencePiece.fileNames[0])
    }
    return try SentencePieceTokenizer(
      serialized: content, name: TokenizerFormat.sentencePiece.fileNames[0],
      filesBeside: ReducedFiles(reduction: reduction).beside(filesBeside), allowsDummyPrefix: allowsDummyPrefix,
      own: own, distinguishesSymbol: true)
  }
}

extension ConvertedTokenizer: ReducibleTokenizer {
  func indispensableIDs() throws(TokenizationError) -> [Int32] {
    try Set(base.indispensableIDs() + [bosID].compactMap(\.self)).sorted()
  }

  func derivation(of id: Int32) -> [Int32] { base.derivation(of: id) }

  func reduced(by reduction: VocabularyReduction) throws(TokenizationError) -> any ReducibleTokenizer {
    let files = try ReducedFiles(reduction: reduction).beside(files)
    return try ConvertedTokenizer(files.tokenizerJSON(), filesBeside: files, keepsSpecialText: keepsSpecialText)
  }
}

extension [NamedFile] {
  /// The tokenizer.json among some files. Throws what is wrong with it.
  func tokenizerJSON() throws(TokenizationError) -> TokenizerJSON {
    guard let file = first(where: { $0.name == TokenizerJSON.fileName }) else {
      throw .file(.missing(file: TokenizerJSON.fileName, advice: "the tokenizer has no such file"))
    }
    return try TokenizerJSON(TokenizerJSONText([UInt8](file.contents), file: file.name))
  }
}
