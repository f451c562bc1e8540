import Diagnostics
public import LanguageModels

/// The rows of embedding and head that a model keeps when its vocabulary becomes smaller, and so its new ids.
public struct VocabularyRows: Sendable {
  /// The old ids, ascending: the new id of each is its place.
  public let keptIDs: [Int32]
  /// The number of tokens that the tokenizer had. Rows of a model beyond them, which some pad their vocabulary with,
  /// are left out.
  public let tokenCount: Int
  /// Rows that follow one another, as ranges.
  let ranges: [Range<Int>]

  /// Rows to keep; `keptIDs` are ascending, below `tokenCount`, at least one.
  public init(keeping keptIDs: [Int32], of tokenCount: Int) {
    precondition(!keptIDs.isEmpty && keptIDs.last ?? 0 < tokenCount, "\(keptIDs.count) rows of \(tokenCount)")
    (self.keptIDs, self.tokenCount) = (keptIDs, tokenCount)
    var ranges: [Range<Int>] = []
    for id in keptIDs.map({ Int($0) }) {
      if let last = ranges.last, last.upperBound == id {
        ranges[ranges.count - 1] = last.lowerBound..<id + 1
      } else {
        ranges.append(id..<id + 1)
      }
    }
    self.ranges = ranges
  }

  /// The new id of a token; nil where it is left out.
  func newID(of id: Int) -> Int? {
    var (low, high) = (0, keptIDs.count)
    while low < high {
      let middle = (low + high) / 2
      if Int(keptIDs[middle]) < id { low = middle + 1 } else { high = middle }
    }
    return low < keptIDs.count && Int(keptIDs[low]) == id ? low : nil
  }

  /// A configuration with these rows alone. Throws `value` where a token that begins or ends texts, or fills up
  /// batches, has no row that is kept; `file` is the name that the error uses.
  public func reduced(
    _ configuration: DecoderConfiguration, file: String
  ) throws(ModelFileError) -> DecoderConfiguration {
    func new(_ id: Int, _ key: String) throws(ModelFileError) -> Int {
      if let new = newID(of: id) { return new }
      throw .value(
        InvalidValue(
          file, key, expected: "a token of the tokenizer, which has \(tokenCount)", found: "\(id)",
          advice: "a smaller vocabulary would lose it; correct the file"))
    }
    var reduced = configuration
    reduced.vocabularySize = keptIDs.count
    reduced.bosTokenID = try configuration.bosTokenID.map { (id) throws(ModelFileError) in try new(id, "bos_token_id") }
    reduced.padTokenID = try configuration.padTokenID.map { (id) throws(ModelFileError) in try new(id, "pad_token_id") }
    var eos: [Int] = []
    for id in configuration.eosTokenIDs { eos.append(try new(id, "eos_token_id")) }
    reduced.eosTokenIDs = eos
    return reduced
  }
}
