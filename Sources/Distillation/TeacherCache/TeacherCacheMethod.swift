import Diagnostics

/// What a cache of a teacher keeps of each token's distribution p over the vocabulary [V].
public enum TeacherCacheMethod: Sendable, Equatable {
  /// The k largest log-probabilities; the rest counts as zero, and p is renormalised over the k (DistillKit's `zero`).
  case topK(Int)
  /// The k largest log-probabilities, and the mass of all other tokens together as one more of them.
  case topKTail(Int)
  /// Tokens drawn with replacement from p, and how often each was (RS-KD, Anshumann et al. 2025): counts / draws is an
  /// unbiased estimate of p. The entropy of p is kept, too, so that the divergence is unbiased as well.
  case sampled(draws: Int)
  /// All V log-probabilities, in 16 bits each.
  case dense16
  /// No distribution, but the final hidden state [Ct] that the teacher's head makes it from, in float16: of any
  /// temperature and for any divergence.
  case hidden(channels: Int)

  /// `top-k`, `top-k-tail`, `sampled`, `dense16` or `hidden`.
  public var name: String {
    switch self {
    case .topK: "top-k"
    case .topKTail: "top-k-tail"
    case .sampled: "sampled"
    case .dense16: "dense16"
    case .hidden: "hidden"
    }
  }

  /// Whether a row has only a few tokens, so that it can only be the target of a forward KL divergence.
  public var isSparse: Bool {
    switch self {
    case .topK, .topKTail, .sampled: true
    case .dense16, .hidden: false
    }
  }

  /// Whether a row is a hidden state, of which the teacher's head makes a distribution.
  public var keepsStates: Bool {
    if case .hidden = self { true } else { false }
  }

  /// The bits of the parameter of the gaps' code, at most those of an id.
  static let gapParameterBits = 5

  /// The bytes of a cache of so many tokens, but for some headers, or the most that they can be.
  public func bytes(ofTokens tokens: Int, vocabularySize: Int) -> Double {
    Double(tokens) * Double(bits(vocabularySize: vocabularySize)) / 8
  }

  /// The bits of a row of a vocabulary of V, or the most that it can have.
  func bits(vocabularySize: Int) -> Int {
    let id = BitWriter.bits(ofIDsBelow: vocabularySize)
    return switch self {
    case .topK(let k): k * (id + 16)
    case .topKTail(let k): k * (id + 16) + 16
    // each draw another token: a bit for its count, and no gap takes more than an id and a bit
    case .sampled(let draws): draws * (id + 2) + 16 + Self.gapParameterBits
    case .dense16: 16 * vocabularySize
    case .hidden(let channels): 16 * channels
    }
  }
}

extension TeacherCacheMethod: CustomStringConvertible {
  /// The name, with k or the number of draws.
  public var description: String {
    switch self {
    case .topK(let k), .topKTail(let k): "\(name), k \(k)"
    case .sampled(let draws): "\(name), \(counted(draws, "draw"))"
    case .dense16: name
    case .hidden(let channels): "\(name), \(counted(channels, "channel"))"
    }
  }
}
