import Diagnostics
public import LanguageModels
import ModelTraining
public import TensorCore

/// `HiddenStateTerms` for one teacher and one student: which layers they name, and the learnt projections.
///
/// Where the hidden sizes differ, the student's states of each pair of layers go through a bias-free projection [Ct,
/// Cs] of their own, which is trained with the student and is no part of it.
public struct HiddenStateAlignment {
  /// What is compared.
  public let terms: HiddenStateTerms
  /// The projections, which a trainer trains beside the student; nil where there are none.
  public let parameters: ParameterStore?
  private let pairs: [(teacher: ActivationSite?, student: ActivationSite?, projection: Parameter?)]
  private let relations: (teacher: Int, student: Int, heads: Int)?

  /// - Parameters:
  ///   - terms: what is compared.
  ///   - teacher: the teacher's sizes.
  ///   - student: the student's.
  ///   - seed: decides the first projections.
  ///   - device: where the student is computed.
  /// - Throws: `value` where a weight is not a number from 0, there is no such layer, or relation heads do not divide
  ///   queries and keys of both models.
  public init(
    _ terms: HiddenStateTerms, teacher: DecoderConfiguration, student: DecoderConfiguration, seed: UInt64,
    on device: Device
  ) throws(DistillationError) {
    do { try terms.validate() } catch { throw .value(error) }
    self.terms = terms
    let store = ParameterStore(on: device)
    let scope = store.root("hidden_state_projections")
    var pairs: [(teacher: ActivationSite?, student: ActivationSite?, projection: Parameter?)] = []
    for (index, pair) in (terms.comparesHiddenStates ? terms.pairs : []).enumerated() {
      let sites = (
        teacher: try Self.site(pair.teacher, of: teacher, "the teacher's"),
        student: try Self.site(pair.student, of: student, "the student's")
      )
      // x · Wᵀ keeps the size of x with this deviation
      let projection =
        teacher.hiddenSize == student.hiddenSize
        ? nil
        : scope("\(index)").parameter(
          "weight", [teacher.hiddenSize, student.hiddenSize],
          .normal(standardDeviation: 1 / Float(student.hiddenSize).squareRoot()), decays: true)
      pairs.append((sites.teacher, sites.student, projection))
    }
    self.pairs = pairs
    relations = try terms.comparesRelations ? Self.relations(terms, teacher, student) : nil
    if store.parameters.isEmpty {
      parameters = nil
    } else {
      // the student's own weights are drawn with the seed itself
      var generator = SeededGenerator(seed: seed ^ 0x6c61_7965_7273)
      store.initialize(using: &generator)
      parameters = store
    }
  }

  /// Where the states of a layer are observed; nil for the last, which a decoder returns.
  private static func site(
    _ layer: AlignedLayer, of configuration: DecoderConfiguration, _ model: String
  ) throws(DistillationError) -> ActivationSite? {
    let last = configuration.layerCount - 1
    switch layer {
    case .embedding: return .embedding
    case .layer(last), .last: return nil
    case .layer(let index):
      guard index >= 0, index < last else {
        throw noSuchLayer("align-layers", "\(index)", of: model, expected: "0 to \(last), embedding or last")
      }
      return .layerOutput(layer: index)
    }
  }

  /// A layer whose attention is compared.
  private static func attentionLayer(
    _ layer: AlignedLayer, of configuration: DecoderConfiguration, _ model: String
  ) throws(DistillationError) -> Int {
    let last = configuration.layerCount - 1
    let expected = "0 to \(last), or last, whose attention has relations"
    switch layer {
    case .last: return last
    case .embedding: throw noSuchLayer("relation-layers", "embedding", of: model, expected: expected)
    case .layer(let index):
      guard index >= 0, index <= last else {
        throw noSuchLayer("relation-layers", "\(index)", of: model, expected: expected)
      }
      return index
    }
  }

  /// The error for a layer that is none of `model`, "the teacher's"; `key` is spelt as on the command line.
  private static func noSuchLayer(
    _ key: String, _ layer: String, of model: String, expected: String
  ) -> DistillationError {
    .value(InvalidValue(key, expected: "\(model) layers to be \(expected)", found: layer))
  }

  private static func relations(
    _ terms: HiddenStateTerms, _ teacher: DecoderConfiguration, _ student: DecoderConfiguration
  ) throws(DistillationError) -> (teacher: Int, student: Int, heads: Int) {
    let heads = terms.relationHeads ?? student.keyValueHeadCount
    let widths = [teacher, student].flatMap { [$0.headCount * $0.headSize, $0.keyValueHeadCount * $0.headSize] }
    guard heads > 0, widths.allSatisfy({ $0.isMultiple(of: heads) }) else {
      let sizes = widths.map(String.init).joined(separator: ", ")
      throw .value(
        InvalidValue(
          "relation-heads", expected: "a divisor of \(sizes), the sizes of queries and keys of teacher and student",
          found: "\(heads)"))
    }
    return (
      try attentionLayer(terms.relationPair.teacher, of: teacher, "the teacher's"),
      try attentionLayer(terms.relationPair.student, of: student, "the student's"), heads
    )
  }
}

extension HiddenStateTerms {
  /// The terms for a student and its teacher; nil where nothing is compared.
  func alignment(
    teacher: DecoderConfiguration, student: TransformerDecoder, seed: UInt64
  ) throws(DistillationError) -> HiddenStateAlignment? {
    guard comparesHiddenStates || comparesRelations else { return nil }
    return try HiddenStateAlignment(
      self, teacher: teacher, student: student.configuration, seed: seed, on: student.device)
  }
}

extension HiddenStateAlignment {
  /// Queries, keys and values of a layer.
  private static func relationSites(_ layer: Int) -> [ActivationSite] {
    [.queries(layer: layer), .keys(layer: layer), .values(layer: layer)]
  }

  /// Whether something is compared that is not the teacher's final hidden states.
  var needsInside: Bool { relations != nil || pairs.contains { $0.teacher != nil } }

  /// What to keep of a forward pass of the teacher.
  func teacherRecorder() -> ActivationRecorder {
    ActivationRecorder(pairs.compactMap(\.teacher) + (relations.map { Self.relationSites($0.teacher) } ?? []))
  }

  /// What to keep of a forward pass of the student.
  func studentRecorder() -> ActivationRecorder {
    ActivationRecorder(pairs.compactMap(\.student) + (relations.map { Self.relationSites($0.student) } ?? []))
  }

  /// The weighted terms, summed over the counted tokens.
  /// - Parameters:
  ///   - student: the student's final states [B·T, Cs], and what was recorded on the way.
  ///   - teacher: the teacher's [B·T, Ct].
  ///   - batch: the tokens.
  ///   - position: where in the run.
  ///   - scale: what the gradients are multiplied by.
  ///   - backward: where the gradients are added; nil where none are wanted.
  /// - Returns: the sum, not multiplied by `scale`.
  func evaluate(
    student: (final: Tensor, inside: ActivationRecorder), teacher: (final: Tensor, inside: ActivationRecorder),
    on batch: TokenBatch, at position: StepPosition, scale: Double, backward: BackwardPass?
  ) -> Double {
    var loss = 0.0
    let rows = batch.countedRows
    func add(
      _ weight: Double, _ tensor: Tensor, _ term: (_ scale: Double) -> (sum: Double, gradient: Tensor)
    ) {
      guard weight > 0 else { return }
      let (sum, gradient) = term(scale * weight)
      loss += weight * sum
      backward?.add(gradient, to: tensor)
    }
    for pair in pairs {
      let target = pair.teacher.map { teacher.inside[$0] } ?? teacher.final
      let own = pair.student.map { student.inside[$0] } ?? student.final
      let states = pair.projection.map { own.linear($0.value) } ?? own
      for (distance, weight) in [
        (HiddenStateDistance.cosine, terms.cosineWeight), (.meanSquare, terms.meanSquareWeight),
      ] {
        add(Double(weight.value(at: position)) / Double(pairs.count), states) {
          states.distance(distance, from: target, rows: rows, scale: $0)
        }
      }
    }
    if let relations {
      let sites = zip(Self.relationSites(relations.student), Self.relationSites(relations.teacher))
      for (own, target) in sites {
        let states = student.inside[own]
        add(Double(terms.relationWeight.value(at: position)), states) {
          states.relationDivergence(
            from: teacher.inside[target], heads: relations.heads, lengths: batch.segments, rows: rows, scale: $0)
        }
      }
    }
    return loss
  }
}
