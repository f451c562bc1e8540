public import Tokenization

/// How a text, a stream of documents each as BOS, text, EOS, becomes sequences of T tokens to train on.
public struct SequencePacking: Sendable, Equatable {
  /// Where the stream is cut.
  public enum Cuts: String, Sendable, CaseIterable {
    /// Every T tokens, from another place in each epoch, so that each token is met in other contexts. Seed and epoch
    /// decide the place.
    case shifted
    /// Every T tokens, in all epochs at the same places: what a teacher cache needs.
    case fixed
    /// Between documents: a sequence holds as many whole ones as fit, each with attention and positions of its own;
    /// those that are too long are cut. What stays free at the end of a sequence is not used.
    case documents
  }

  /// Where the stream is cut.
  public var cuts: Cuts
  /// BOS, to be put in front of each sequence, or part of a document, that does not begin with it, as models are fed
  /// when they are evaluated and when they generate; nil for nothing.
  public var beginningID: Int32?

  /// A packing, as the properties say: by default shifted, with nothing in front.
  public init(_ cuts: Cuts = .shifted, beginningID: Int32? = nil) {
    self.cuts = cuts
    self.beginningID = beginningID
  }

  /// A packing of a tokenizer's ids; where it has a BOS, this is put in front, unless that is switched off.
  public init(_ cuts: Cuts = .shifted, for tokenizer: any Tokenizer, beginsWithBOS: Bool = true) {
    self.init(cuts, beginningID: beginsWithBOS ? tokenizer.bosID : nil)
  }

  /// At fixed places, with nothing in front.
  public static let fixed = SequencePacking(.fixed)
}

extension SequencePacking: CustomStringConvertible {
  /// For messages: `shifted, with id 1 in front of each sequence`.
  public var description: String {
    cuts.rawValue + (beginningID.map { ", with id \($0) in front of each sequence" } ?? "")
  }
}
