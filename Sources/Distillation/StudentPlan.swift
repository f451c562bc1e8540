public import Diagnostics
public import Foundation
public import LanguageModels

/// What a student keeps of its teacher: some of the layers, and in each of them as many channels, heads and neurons.
///
/// The vocabulary, the size of a head, the context and all constants stay the teacher's.
///
/// ```swift
/// let plan = try StudentPlan(of: teacher.configuration, layers: .count(3), feedForwardSize: 256)
/// let importance = ActivationImportance(of: teacher, on: calibration)
/// let student = TransformerDecoder(studentOf: teacher, plan, importance: importance)
/// ```
public struct StudentPlan: Sendable, Equatable {
  /// What it is cut from.
  public let teacher: DecoderConfiguration
  /// The indices of the teacher's layers that stay, ascending.
  public let layers: [Int]
  /// The sizes and constants of the student.
  public private(set) var configuration: DecoderConfiguration

  /// A plan whose sizes fit together. A size that is left out stays the teacher's, as far as the others allow: without
  /// `headCount`, a key-value head takes all its query heads with it; without `keyValueHeadCount`, no more key-value
  /// heads go than there are too few query heads for.
  /// - Parameters:
  ///   - teacher: the teacher's sizes.
  ///   - layers: which layers stay.
  ///   - hiddenSize: C, the number of channels that stay.
  ///   - feedForwardSize: F, the number of neurons of each layer that stay.
  ///   - headCount: H, the number of query heads of each layer that stay: equally many of each key-value head that
  ///     stays.
  ///   - keyValueHeadCount: K, the number of key-value heads of each layer that stay.
  /// - Throws: `value` for a size that is larger than the teacher's, or does not fit the others.
  public init(
    of teacher: DecoderConfiguration, layers: LayerSelection = .all, hiddenSize: Int? = nil,
    feedForwardSize: Int? = nil,
    headCount: Int? = nil, keyValueHeadCount: Int? = nil
  ) throws(StudentPlanError) {
    let group = teacher.headCount / teacher.keyValueHeadCount
    let keyValueHeads = keyValueHeadCount ?? min(teacher.keyValueHeadCount, headCount ?? .max)
    var student = teacher
    self.layers = try layers.indices(of: teacher.layerCount)
    student.attention = self.layers.map { teacher.attention[$0] }
    student.keyValueHeadCount = keyValueHeads
    // of key-value heads that cannot be there is no product
    let isPossible = (1...teacher.keyValueHeadCount).contains(keyValueHeads)
    student.headCount = headCount ?? (isPossible ? keyValueHeads * group : teacher.headCount)
    student.feedForwardSize = feedForwardSize ?? teacher.feedForwardSize
    student.hiddenSize = hiddenSize ?? teacher.hiddenSize
    for (name, size, limit) in [
      ("hidden-size", student.hiddenSize, teacher.hiddenSize),
      ("feed-forward-size", student.feedForwardSize, teacher.feedForwardSize),
      // where heads are given, key-value heads may follow from them
      ("heads", student.headCount, teacher.headCount),
      ("key-value-heads", student.keyValueHeadCount, teacher.keyValueHeadCount),
    ] {
      guard (1...limit).contains(size) else {
        throw .value(InvalidValue(name, expected: "from 1 to the teacher's \(limit)", found: "\(size)"))
      }
    }
    guard student.headCount.isMultiple(of: keyValueHeads), student.headCount / keyValueHeads <= group else {
      throw .value(
        InvalidValue(
          "heads",
          expected:
            "a multiple of the \(counted(keyValueHeads, "key-value head")), up to the teacher's \(group) for each",
          found: "\(student.headCount)"))
    }
    self.teacher = teacher
    configuration = student
  }

  /// The same plan, but with all of the teacher's channels.
  public var withAllChannels: StudentPlan {
    var plan = self
    plan.configuration.hiddenSize = teacher.hiddenSize
    return plan
  }

  /// Whether channels, heads or neurons are left out, so that their importance must be known.
  public var prunesWidth: Bool {
    var uncut = configuration
    uncut.attention = teacher.attention
    return uncut != teacher
  }
}

/// What can be wrong with the plan of a student.
public enum StudentPlanError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  /// A choice of layers or a size that the teacher does not allow.
  case value(InvalidValue)

  /// What was expected and what found.
  public var description: String {
    switch self {
    case .value(let error): error.description
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}
