import LanguageModels

extension LlamaNames {
  /// Where a weight lies in families whose rotary embeddings turn channel 0 of a head with 1, 2 with 3, and so on
  /// (`rotate_half` of modeling_ernie4_5.py and modeling_helium.py takes `x[..., 0::2]` and `x[..., 1::2]`).
  ///
  /// The decoder turns channel i with channel i + D/2. So the rows of queries and keys are taken in the order that
  /// makes the two the same: of each head the even ones, then the odd ones. Scores do not change where queries and keys
  /// are reordered alike.
  static func location(of role: WeightRole, withPairsIn configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(name(of: role), rows: rows(of: role, withPairsIn: configuration))
  }

  /// The rows of a weight in that order; nil where it is that of the file.
  static func rows(of role: WeightRole, withPairsIn configuration: DecoderConfiguration) -> [Range<Int>]? {
    let heads: Int
    switch role {
    case .layer(_, .matrix(.query)), .layer(_, .bias(.query)): heads = configuration.headCount
    case .layer(_, .matrix(.key)), .layer(_, .bias(.key)): heads = configuration.keyValueHeadCount
    default: return nil
    }
    let size = configuration.headSize
    return (0..<heads).flatMap { head in
      [0, 1].flatMap { first in stride(from: head * size + first, to: (head + 1) * size, by: 2).map { $0..<$0 + 1 } }
    }
  }
}
