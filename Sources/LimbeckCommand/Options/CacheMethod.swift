import ArgumentParser
import Distillation

extension CacheTeacher {
  /// What a cache stores of each distribution.
  enum Method: String, ExpressibleByArgument, CaseIterable {
    case topK = "top-k"
    case topKTail = "top-k-tail"
    case sampled
    case dense16
    case hidden

    /// What is stored where nobody says.
    static let standard = Self.sampled
    static let (standardK, standardDraws) = (64, 50)

    /// The method for a teacher with Ct channels.
    func method(channels: Int, k: Int? = nil, draws: Int? = nil) -> TeacherCacheMethod {
      switch self {
      case .topK: .topK(k ?? Self.standardK)
      case .topKTail: .topKTail(k ?? Self.standardK)
      case .sampled: .sampled(draws: draws ?? Self.standardDraws)
      case .dense16: .dense16
      case .hidden: .hidden(channels: channels)
      }
    }
  }
}
