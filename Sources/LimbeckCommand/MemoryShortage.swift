import LanguageModels
import ModelTraining

/// A run that does not fit into memory, and what would make it fit.
struct MemoryShortage: Error, CustomStringConvertible {
  /// The run as it is asked for.
  let plan: MemoryPlan
  let limit: MemoryLimit
  /// What was tried to make it smaller.
  let remedies: [Remedy]
  /// That of the model to be trained.
  let configuration: DecoderConfiguration

  /// Settings with which the same run needs less memory.
  struct Remedy {
    let choice: MemoryChoice
    let bytes: Int
  }

  var description: String {
    let fitting = remedies.filter { $0.bytes <= limit.bytes }.map { text($0) }
    let least = remedies.min { $0.bytes < $1.bytes }
    let advice =
      fitting.isEmpty
      ? (least.map { "the least is \(text($0)); " } ?? "") + "\(largestParts): take a smaller model, or cut its "
        + "vocabulary with limbeck vocabulary: embedding and head have \(vocabularyShare) % of its weights"
      : "give \(fitting.joined(separator: ", or "))"
    return "memory: expected at most \(limit.description), found \(Format.bytes(plan.unmappedBytes)); \(advice)"
  }

  private func text(_ remedy: Remedy) -> String {
    "\(remedy.choice.description): \(Format.bytes(remedy.bytes))"
  }

  /// The largest parts of the run.
  private var largestParts: String {
    let parts = plan.parts.filter { !$0.isMapped }.sorted { $0.bytes > $1.bytes }.prefix(3)
    return "most is " + parts.map { "\($0.name), \(Format.bytes($0.bytes))" }.joined(separator: "; ")
  }

  private var vocabularyShare: Int {
    let counts = configuration.weights.map { (isOfVocabulary: $0.role.isOfVocabulary, count: $0.shape.reduce(1, *)) }
    let ofVocabulary = counts.reduce(0) { $0 + ($1.isOfVocabulary ? $1.count : 0) }
    return 100 * ofVocabulary / max(1, counts.reduce(0) { $0 + $1.count })
  }
}
