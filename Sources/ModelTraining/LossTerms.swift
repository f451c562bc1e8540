import ModelEvaluation

/// A quantity that an objective reports beside its total and the cross-entropy: what files call it, and how it is
/// shown.
public struct LossTerm: Sendable, Equatable {
  /// Its key, in lower camel case; `metrics.jsonl` and `run.json` spell it with underscores, as their other keys.
  public let key: String
  /// What the line about an evaluation calls it; nil where it is left out there.
  public let label: String?
  /// The heading of its chart in a report.
  public let title: String
  /// What a reader of the chart should know.
  public let note: String

  /// The term, as the properties say.
  public init(_ key: String, label: String? = nil, title: String, note: String) {
    self.key = key
    self.label = label
    self.title = title
    self.note = note
  }
}

extension LossTerm {
  /// H(q) of the model that is trained, at temperature 1, on the validation text.
  public static let entropy = LossTerm(
    "entropy", title: "Entropy of the predictions, validation text",
    note: "nats per token, at temperature 1: how open a model leaves what comes next")
}

/// Values of terms, of those that an objective has.
public struct LossTerms: Sendable, Equatable {
  private var values: [String: Double]

  /// Values by term; none by default.
  public init(_ values: [(term: LossTerm, value: Double)] = []) {
    self.values = Dictionary(values.map { ($0.term.key, $0.value) }) { $0 + $1 }
  }

  /// The value of a term; nil where the objective does not have it.
  public subscript(term: LossTerm) -> Double? {
    get { values[term.key] }
    set { values[term.key] = newValue }
  }

  /// Adds values of the same or of other terms.
  public static func += (terms: inout LossTerms, others: LossTerms) {
    terms.values.merge(others.values) { $0 + $1 }
  }

  /// Each value divided by `count`.
  func divided(by count: Double) -> LossTerms {
    var means = self
    means.values = values.mapValues { $0 / count }
    return means
  }
}

// MARK: - In files

extension LossTerms {
  /// A key of an object that has the values of terms beside others.
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// All numbers of an object but those of `others`.
  init(from decoder: any Decoder, besides others: some Sequence<some CodingKey>) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let known = Set(others.map(\.stringValue))
    values = [:]
    for key in container.allKeys where !known.contains(key.stringValue) {
      values[key.stringValue] = try container.decodeNumber(forKey: key, null: .nan)
    }
  }

  /// Writes the values into the object that is being written, each under its term's key.
  func encode(beside encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    for (key, value) in values { try container.encodeNumber(value, forKey: Key(stringValue: key)) }
  }
}
