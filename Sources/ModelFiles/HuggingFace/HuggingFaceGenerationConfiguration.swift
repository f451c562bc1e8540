import Diagnostics
import DurableFiles
public import Foundation

/// What Limbeck reads of a generation_config.json: the special tokens. What its makers suggest of sampling is the
/// user's to say here, and left alone.
public struct HuggingFaceGenerationConfiguration: Equatable, Sendable {
  /// The token before a text.
  public var bosTokenID: Int?
  /// The tokens that end a text; empty where the file names none.
  public var eosTokenIDs: [Int]
  /// The token that fills up batches.
  public var padTokenID: Int?

  /// What stands in the file in place of ids, one sentence each.
  public private(set) var passedOver: [String] = []

  /// Makes a configuration.
  public init(bosTokenID: Int? = nil, eosTokenIDs: [Int] = [], padTokenID: Int? = nil) {
    self.bosTokenID = bosTokenID
    self.eosTokenIDs = eosTokenIDs
    self.padTokenID = padTokenID
  }

  /// Reads the members of a generation_config.json; unknown ones are transformers' own business, and an id below 0 is
  /// none. What is no id is passed over, and told in `passedOver`: transformers loads the model whatever is in there.
  public init(_ file: HuggingFaceConfiguration) {
    var passedOver: [String] = []
    func ids(_ key: String) -> [Int] {
      let (ids, others) = file.tokenIDsAndOthers(key)
      passedOver += others.map { found in
        "\(InvalidValue(file.file, key, expected: "token ids", found: found, advice: "passed over"))"
      }
      return ids
    }
    self.init(
      bosTokenID: ids("bos_token_id").first, eosTokenIDs: ids("eos_token_id"), padTokenID: ids("pad_token_id").first)
    self.passedOver = passedOver
  }

  /// The text of a generation_config.json that transformers reads as this configuration; what is `nil` is left out.
  public func huggingFaceJSON() -> Data {
    var members: [String: JSONValue] = [:]
    members["bos_token_id"] = bosTokenID.map { .integer($0) }
    members["eos_token_id"] = eosTokenIDs.isEmpty ? nil : .ids(eosTokenIDs)
    members["pad_token_id"] = padTokenID.map { .integer($0) }
    return Data((JSONValue.object(members).text(indentation: 2) + "\n").utf8)
  }
}
