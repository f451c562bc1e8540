extension AddedTokenTokenizer: ReducibleTokenizer {
  func indispensableIDs() throws(TokenizationError) -> [Int32] {
    let named = [bosID, eosID, padID, unknownID].compactMap(\.self).filter { $0 < vocabularySize }
    return try Set(base.reducible.indispensableIDs() + added.keys + matched.map(\.id) + named).sorted()
  }

  func derivation(of id: Int32) -> [Int32] {
    guard added[id] == nil, id < base.vocabularySize, let base = base as? any ReducibleTokenizer else { return [id] }
    return base.derivation(of: id)
  }

  func reduced(by reduction: VocabularyReduction) throws(TokenizationError) -> any ReducibleTokenizer {
    func mapped(_ tokens: some Sequence<AddedToken>) -> [AddedToken] {
      tokens.compactMap { token in
        reduction.newID(of: token.id).map { id in
          var token = token
          token.id = id
          return token
        }
      }
    }
    let ids = SpecialIDs(
      bos: bosID.flatMap { reduction.newID(of: $0) }, eos: eosID.flatMap { reduction.newID(of: $0) },
      pad: padID.flatMap { reduction.newID(of: $0) }, unknown: unknownID.flatMap { reduction.newID(of: $0) })
    return try AddedTokenTokenizer(
      base.reducible.reduced(by: reduction), tokens: mapped(added.values), matched: mapped(matched), specialIDs: ids,
      restartsText: restartsText)
  }
}
