public import LanguageModels
import ModelTraining
public import TensorCore

/// `HiddenStateTerms` for one teacher and one student: which layers they name, and the learnt projections.
///
/// Where the hidden sizes differ, the student's states of each pair of layers go through a bias-free projection [Ct, Cs]
/// of their own, which is trained with the student and is no part of it.
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
  /// - Throws: `noSuchLayer`; `relationHeads` where they do not divide queries and keys of both models.
  public init(
    _ terms: HiddenStateTerms, teacher: DecoderConfiguration, student: DecoderConfiguration, seed: UInt64,
    on device: Device
  ) throws(DistillationError) {
    self.terms = terms
    let store = ParameterStore(on: device)
    let scope = store.root("hidden_state_projections")
    var pairs: [(teacher: ActivationSite?, student: ActivationSite?, projection: Parameter?)] = []
    for (index, pair) in (terms.comparesHiddenStates ? terms.pairs : []).enumerated() {
      let layers = (
        teacher: try Self.number(pair.teacher, 0, teacher, "teacher"),
        student: try Self.number(pair.student, 0, student, "student")
      )
      // x · Wᵀ keeps the size of x with this deviation
      let projection =
        teacher.hiddenSize == student.hiddenSize
        ? nil
        : scope("\(index)").parameter(
          "weight", [teacher.hiddenSize, student.hiddenSize],
          .normal(standardDeviation: 1 / Float(student.hiddenSize).squareRoot()), decays: true)
      pairs.append(
        (
          Self.site(layers.teacher, of: teacher.layerCount), Self.site(layers.student, of: student.layerCount),
          projection
        )
      )
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

  private static func number(
    _ layer: LayerNumber, _ first: Int, _ configuration: DecoderConfiguration, _ model: String
  ) throws(DistillationError) -> Int {
    guard let number = layer.resolved(layerCount: configuration.layerCount), number >= first else {
      let found = if case .number(let number) = layer { number } else { 0 }
      throw .noSuchLayer(model: model, number: found, allowed: first...max(first, configuration.layerCount))
    }
    return number
  }

  /// Where the states of a layer are observed; nil for the last, which a decoder returns.
  private static func site(_ number: Int, of layerCount: Int) -> ActivationSite? {
    switch number {
    case layerCount: nil
    case 0: .embedding
    default: .layerOutput(layer: number - 1)
    }
  }

  private static func relations(
    _ terms: HiddenStateTerms, _ teacher: DecoderConfiguration, _ student: DecoderConfiguration
  ) throws(DistillationError) -> (teacher: Int, student: Int, heads: Int) {
    let heads = terms.relationHeads ?? student.keyValueHeadCount
    let widths = [teacher, student].flatMap { [$0.headCount * $0.headSize, $0.keyValueHeadCount * $0.headSize] }
    guard heads > 0, widths.allSatisfy({ $0.isMultiple(of: heads) }) else {
      throw .relationHeads(heads, widths: widths)
    }
    return (
      try number(terms.relationPair.teacher, 1, teacher, "teacher") - 1,
      try number(terms.relationPair.student, 1, student, "student") - 1, heads
    )
  }
}

extension HiddenStateAlignment {
  /// Queries, keys and values of a layer.
  private static func relationSites(_ layer: Int) -> [ActivationSite] {
    [.queries(layer: layer), .keys(layer: layer), .values(layer: layer)]
  }

  /// What to keep of a forward pass of the teacher.
  func teacherRecorder() -> ActivationRecorder {
    ActivationRecorder(pairs.compactMap(\.teacher) + (relations.map { Self.relationSites($0.teacher) } ?? []))
  }

  /// What to keep of a forward pass of the student.
  func studentRecorder() -> ActivationRecorder {
    ActivationRecorder(pairs.compactMap(\.student) + (relations.map { Self.relationSites($0.student) } ?? []))
  }

  /// The weighted terms, summed over the counted tokens, and the gradients by what they were computed from.
  /// - Parameters:
  ///   - student: the student's final states [B·T, Cs], and what was recorded on the way.
  ///   - teacher: the teacher's [B·T, Ct].
  ///   - batch: the tokens.
  ///   - moment: when.
  ///   - scale: what the gradients are multiplied by.
  /// - Returns: the sum, not multiplied by `scale`, and what `Tensor.backward(_:)` begins with.
  func evaluate(
    student: (final: Tensor, inside: ActivationRecorder), teacher: (final: Tensor, inside: ActivationRecorder),
    on batch: TokenBatch, at moment: TrainingMoment, scale: Double
  ) -> (loss: Double, seeds: [(tensor: Tensor, gradient: Tensor)]) {
    var loss = 0.0
    var seeds: [(tensor: Tensor, gradient: Tensor)] = []
    let rows = batch.countedRows
    func add(
      _ weight: Double, _ tensor: Tensor, _ term: (_ scale: Double) -> (sum: Double, gradient: Tensor)
    ) {
      guard weight > 0 else { return }
      let (sum, gradient) = term(scale * weight)
      loss += weight * sum
      seeds.append((tensor, gradient))
    }
    for pair in pairs {
      let target = pair.teacher.map { teacher.inside[$0] } ?? teacher.final
      let own = pair.student.map { student.inside[$0] } ?? student.final
      let states = pair.projection.map { own.linear($0.value) } ?? own
      for (distance, weight) in [
        (HiddenStateDistance.cosine, terms.cosineWeight), (.meanSquare, terms.meanSquareWeight),
      ] {
        add(Double(weight.value(at: moment)) / Double(pairs.count), states) {
          states.distance(distance, from: target, rows: rows, scale: $0)
        }
      }
    }
    if let relations {
      let sites = zip(Self.relationSites(relations.student), Self.relationSites(relations.teacher))
      for (own, target) in sites {
        let states = student.inside[own]
        add(Double(terms.relationWeight.value(at: moment)), states) {
          states.relationDivergence(
            from: teacher.inside[target], heads: relations.heads, batchSize: batch.batchSize, rows: rows, scale: $0)
        }
      }
    }
    return (loss, seeds)
  }
}
