public import Diagnostics
import ModelTraining

/// A layer of a decoder, by the states it leaves. Layers count from 0. Those of the last layer are, as in
/// `hidden_states` of Hugging Face transformers, the final states after the norm.
public enum AlignedLayer: Sendable, Equatable {
  /// What the first layer reads.
  case embedding
  /// By its number, in 0..<L.
  case layer(Int)
  /// L − 1, whatever it is.
  case last
}

/// A layer of the teacher, and the layer of the student that is to be like it.
public struct LayerPair: Sendable, Equatable {
  /// The teacher's layer.
  public var teacher: AlignedLayer
  /// The student's layer.
  public var student: AlignedLayer

  /// A pair of layers; by default the last of each.
  public init(teacher: AlignedLayer = .last, student: AlignedLayer = .last) {
    self.teacher = teacher
    self.student = student
  }
}

/// What of the inside of a student is pulled towards its teacher, beside its output distribution. Each term is averaged
/// over the counted tokens and multiplied by its weight; a weight of 0 leaves it out.
public struct HiddenStateTerms: Sendable, Equatable {
  /// Pairs of layers whose hidden states are compared; cosine and squares are averaged over them.
  public var pairs: [LayerPair]
  /// The weight of 1 − cos(student, teacher) (DistilBERT, Sanh et al. 2019).
  public var cosineWeight: Schedule
  /// The weight of the mean squared difference of the channels.
  public var meanSquareWeight: Schedule
  /// The layers whose queries, keys and values are compared by their relations.
  public var relationPair: LayerPair
  /// The weight of the sum of the three divergences between relations (MiniLMv2, Wang et al. 2021).
  public var relationWeight: Schedule
  /// Relation heads, which queries, keys and values of both models are cut into; nil for the student's key-value heads.
  public var relationHeads: Int?

  /// The terms, as the properties say; all are off by default.
  public init(
    pairs: [LayerPair] = [LayerPair()], cosineWeight: Schedule = 0, meanSquareWeight: Schedule = 0,
    relationPair: LayerPair = LayerPair(), relationWeight: Schedule = 0, relationHeads: Int? = nil
  ) {
    self.pairs = pairs
    self.cosineWeight = cosineWeight
    self.meanSquareWeight = meanSquareWeight
    self.relationPair = relationPair
    self.relationWeight = relationWeight
    self.relationHeads = relationHeads
  }

  /// Whether hidden states are compared at some step.
  public var comparesHiddenStates: Bool { cosineWeight != 0 || meanSquareWeight != 0 }
  /// Whether relations are compared at some step.
  public var comparesRelations: Bool { relationWeight != 0 }
  /// Whether anything is compared at a step.
  func asksTeacher(at position: StepPosition) -> Bool {
    [cosineWeight, meanSquareWeight, relationWeight].contains { $0.value(at: position) > 0 }
  }

  /// Whether a step depends on how many there are.
  public var dependsOnTotalSteps: Bool {
    [cosineWeight, meanSquareWeight, relationWeight].contains { !$0.isConstant }
  }

  /// Throws for the first weight that is negative or no finite number at some step; keys are spelt as on the command
  /// line.
  public func validate() throws(InvalidValue) {
    try cosineWeight.requireWeight("hidden-cosine-weight")
    try meanSquareWeight.requireWeight("hidden-mse-weight")
    try relationWeight.requireWeight("relation-weight")
  }
}
