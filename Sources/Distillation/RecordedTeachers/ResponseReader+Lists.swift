import Diagnostics
import DurableFiles
import Foundation
import Tokenization

/// Lists of tokens.
extension ResponseReader {
  /// Tokens as chats and llama-server have them: objects with token, logprob and top_logprobs.
  mutating func scored(
    _ entries: [JSONValue], _ place: String, ids: [Int32]? = nil
  ) throws(InvalidValue) -> [ScoredToken] {
    try Self.require(ids, count: entries.count, place)
    var tokens: [ScoredToken] = []
    for (index, entry) in entries.enumerated() {
      let place = "\(place)[\(index)]"
      let members = try Members(entry, place)
      let own = try logProbability(members["logprob"], "\(place).logprob")
      let id = if let ids { ids[index] } else { try self.id(members, place, below: tokenizer.vocabularySize) }
      var listed = [(id: id, logProbability: own)]
      for (other, value) in try members.array("top_logprobs", place).enumerated() {
        let place = "\(place).top_logprobs[\(other)]"
        let members = try Members(value, place)
        let other = try self.id(members, place, below: vocabularySize)
        listed.append((other, try logProbability(members["logprob"], "\(place).logprob")))
      }
      tokens.append(ScoredToken(id: id, distribution: try distribution(chosenFirst: listed, place)))
    }
    return tokens
  }

  /// Tokens as completions have them: three lists.
  mutating func scored(_ list: CompletionList, ids: [Int32]?) throws(InvalidValue) -> [ScoredToken] {
    try Self.require(ids, count: list.tokens.count, "\(list.place).tokens")
    var tokens: [ScoredToken] = []
    for index in list.tokens.indices {
      let id =
        if let ids { ids[index] } else {
          try self.id(
            list.tokens[index], bytes: nil, "\(list.place).tokens[\(index)]", below: tokenizer.vocabularySize)
        }
      if index == 0, list.logProbabilities[0] == .null {
        tokens.append(ScoredToken(id: id))
        continue
      }
      let own = try logProbability(list.logProbabilities[index], "\(list.place).token_logprobs[\(index)]")
      var listed = [(id: id, logProbability: own)]
      let place = "\(list.place).top_logprobs[\(index)]"
      for (name, value) in try Members(list.others[index], place).members {
        let other = try self.id(.string(name), bytes: nil, place, below: vocabularySize)
        listed.append((other, try logProbability(value, "\(place)[\"\(name)\"]")))
      }
      tokens.append(ScoredToken(id: id, distribution: try distribution(chosenFirst: listed, place)))
    }
    return tokens
  }

  private static func require(_ ids: [Int32]?, count: Int, _ place: String) throws(InvalidValue) {
    guard let ids, ids.count != count else { return }
    throw InvalidValue(place, expected: "an element for each of the \(ids.count) token_ids", found: "\(count)")
  }

  /// The distribution of a token that was chosen, which comes first, and those that the server listed, itself among
  /// them or not.
  private func distribution(
    chosenFirst tokens: [(id: Int32, logProbability: Float)], _ place: String
  ) throws(InvalidValue) -> ListedDistribution {
    let isBeyond = !tokens.dropFirst().contains { $0.id == tokens[0].id }
    let others = try eachOnce(tokens.dropFirst(), place).filter { $0.id != tokens[0].id }
    return try distribution([tokens[0]] + others, own: tokens[0].logProbability, ownIsBeyond: isBeyond, place)
  }

  /// What a server listed, in which no token may be twice.
  func eachOnce(
    _ listed: some Collection<(id: Int32, logProbability: Float)>, _ place: String
  ) throws(InvalidValue) -> [(id: Int32, logProbability: Float)] {
    var seen = Set<Int32>()
    if let twice = listed.first(where: { !seen.insert($0.id).inserted }) {
      throw InvalidValue(place, expected: "each token once", found: "token \(twice.id) twice")
    }
    return Array(listed)
  }

  /// A distribution of tokens that are listed once each; their probabilities are at most 1 in all. `ownIsBeyond` says
  /// that the chosen one is there though it is none of the most likely ones.
  func distribution(
    _ listed: [(id: Int32, logProbability: Float)], own: Float, ownIsBeyond: Bool, _ place: String
  ) throws(InvalidValue) -> ListedDistribution {
    let mostLikely = listed.count - (ownIsBeyond ? 1 : 0)
    guard mostLikely > 0 else {
      throw InvalidValue(
        place, expected: "the most likely tokens", found: "none",
        advice: "ask for them with \"logprobs\": 20, or in chats \"logprobs\": true and \"top_logprobs\": 20")
    }
    let sum = listed.reduce(0) { $0 + exp(Double($1.logProbability)) }
    guard sum <= 1 + Self.rounding else {
      throw InvalidValue(place, expected: "probabilities whose sum is at most 1", found: "a sum of \(sum)")
    }
    return ListedDistribution(listed: listed, mostLikely: mostLikely, own: own)
  }

  func logProbability(_ value: JSONValue?, _ place: String) throws(InvalidValue) -> Float {
    let number: Double?
    switch value {
    case .integer(let whole): number = Double(whole)
    case .number(let some): number = some
    default: number = nil
    }
    guard let number, number <= Self.rounding else {
      let found = value.map { $0 == .null ? "null" : "\($0)" } ?? "none"
      throw InvalidValue(place, expected: "a log-probability, at most 0", found: found)
    }
    return Float(min(0, number))
  }
}
