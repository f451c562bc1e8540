extension ByteLevelTokenizer: ReducibleTokenizer {
  /// Those of bytes, of what no text becomes (the token that begins a text, such as it is in the vocabulary), and the
  /// unknown token.
  public func indispensableIDs() throws(TokenizationError) -> [Int32] {
    var ids = Set(model.byteIDs.filter { $0 >= 0 } + [bosID, unknownID].compactMap(\.self).filter(isInVocabulary))
    if !model.ignoresMerges {
      for id in 0..<Int32(vocabularySize) where model.ranks[Int(id)] < 0 && vocabulary.bytes(of: id) != nil {
        ids.insert(id)
      }
    }
    return ids.sorted()
  }

  private func isInVocabulary(_ id: Int32) -> Bool { id < vocabularySize }

  /// Where a part of a text may become a token as a whole, whatever the merges make of it (`ignore_merges`), what they
  /// make counts as well if it is the token.
  public func derivation(of id: Int32) -> [Int32] {
    var tokens = model.bytes(of: id).map { model.byteIDs[Int($0)] }
    var arisen = Set(tokens)
    guard arisen.allSatisfy({ $0 >= 0 }) else { return [id] }
    model.merges.withLookup { merges in
      while tokens.count > 1 {
        let entries = zip(tokens, tokens.dropFirst()).map { merges.entry($0, $1) }
        guard let best = entries.map({ $0 >> 32 }).min(), let place = entries.firstIndex(where: { $0 >> 32 == best }),
          entries[place] != MergeTable.none
        else { break }
        tokens[place] = Int32(truncatingIfNeeded: entries[place])
        tokens.remove(at: place + 1)
        arisen.insert(tokens[place])
      }
    }
    return tokens == [id] ? arisen.sorted() : [id]
  }

  public func reduced(by reduction: VocabularyReduction) throws(TokenizationError) -> any ReducibleTokenizer {
    let files = try ReducedFiles(reduction: reduction).beside(files)
    return try ByteLevelTokenizer(files.tokenizerJSON(), files: files)
  }
}
