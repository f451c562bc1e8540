/// A part of a corpus, for training or for validation: rows, and blocks of whole paragraphs of plain texts, drawn by a
/// seed.
struct CorpusPart: Hashable, Sendable {
  /// The share of the rows and blocks that validation gets, above 0 and below 1.
  var share: Double
  /// The same seed draws the same.
  var seed: UInt64
  /// Whether this is the part for validation, rather than the rest.
  var isValidation: Bool
  /// The bytes from which on a block of a plain text ends with its paragraph.
  var blockBytes: Int

  /// The rows or blocks of the first group.
  var firstGroupSize: Int { start(ofGroup: 1) }

  /// Whether the row or block with this number, over all of the corpus, is in this part. Of each group of 1 / share of
  /// them, one is drawn for validation; of a corpus that has fewer, one of `total`, the number of those there are.
  func contains(_ index: Int, of total: Int) -> Bool {
    let group = (Double(index) * share).rounded(.down)
    // the first row of a group, and of the next one
    let (first, wholeEnd) = (start(ofGroup: group), start(ofGroup: group + 1))
    let end = group == 0 ? min(wholeEnd, total) : wholeEnd
    let drawn = first + Int(Self.hash(seed, UInt64(group)) % UInt64(max(1, end - first)))
    return (index == drawn) == isValidation
  }

  /// The first row or block of a group. No corpus has as many as a share near 0 would ask for.
  private func start(ofGroup group: Double) -> Int { Int(min(0x1p60, (group / share).rounded(.up))) }

  /// Mixes two numbers (the finaliser of SplitMix64).
  private static func hash(_ seed: UInt64, _ number: UInt64) -> UInt64 {
    func mixed(_ value: UInt64) -> UInt64 {
      var value = value &+ 0x9E37_79B9_7F4A_7C15
      value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
      return value ^ (value >> 31)
    }
    return mixed(mixed(seed) ^ number)
  }
}

/// A corpus cut into two that have nothing in common.
public struct CorpusSplit: Sendable {
  /// What is to be trained on.
  public let training: Corpus
  /// What is held out.
  public let validation: Corpus
}

extension Corpus {
  /// Holds out a share of the corpus for validation.
  ///
  /// Rows of JSON are drawn one by one. Plain texts are drawn in blocks of whole paragraphs, so long that about 16 of
  /// them are drawn from the corpus (at least 1 KiB and at most 64 KiB, or a whole text that is shorter), and what is
  /// left of a text beside such a block is a document of its own. No paragraph is cut, and the same seed draws the
  /// same. Of two rows or blocks and more, at least one is held out and at least one is not.
  /// - Parameters:
  ///   - share: how much is held out, above 0 and at most 0.5.
  ///   - seed: decides what is drawn.
  /// - Returns: both parts, to be read like any corpus.
  public func split(validationShare share: Double, seed: UInt64) -> CorpusSplit {
    precondition(share > 0 && share <= 0.5, "a validation share of \(share)")
    let wanted = Double(byteCount) * share / 16
    let blockBytes = Int(min(65536, max(1024, wanted)))
    var (training, validation) = (self, self)
    training.part = CorpusPart(share: share, seed: seed, isValidation: false, blockBytes: blockBytes)
    validation.part = CorpusPart(share: share, seed: seed, isValidation: true, blockBytes: blockBytes)
    return CorpusSplit(training: training, validation: validation)
  }
}
