public import LanguageModels
public import ModelEvaluation
public import ModelTraining

/// A model of a report.
public struct ReportedModel: Sendable {
  /// What a model is to the others.
  public enum Role: String, Sendable {
    /// What the students learn from.
    case teacher
    /// Learnt without the teacher; what distillation gains is measured from it.
    case control
    /// Learnt from the teacher.
    case student
    /// Learnt from text without a teacher at its side, and is not the control.
    case baseline
  }

  /// A setting of the recipe.
  public struct Setting: Sendable, Equatable {
    /// What it is called, as on the command line: `learning-rate`.
    public var key: String
    /// What it is.
    public var value: String

    /// A setting, as the properties say.
    public init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  /// What the model holds on disk, and how fast it is.
  public struct Size: Sendable {
    /// All weights.
    public var parameters: Int
    /// Those outside the embedding and the head.
    public var nonEmbeddingParameters: Int
    /// The size of the files that hold the weights.
    public var weightBytes: Int
    /// Tokens per second in generating one text; nil where that was not measured.
    public var generatedTokensPerSecond: Double?

    /// A size, as the properties say.
    public init(
      parameters: Int, nonEmbeddingParameters: Int, weightBytes: Int, generatedTokensPerSecond: Double? = nil
    ) {
      self.parameters = parameters
      self.nonEmbeddingParameters = nonEmbeddingParameters
      self.weightBytes = weightBytes
      self.generatedTokensPerSecond = generatedTokensPerSecond
    }
  }

  /// The model with its weights rounded.
  public struct Rounding: Sendable {
    /// To what, by llama.cpp's name: `q8_0`.
    public var type: String
    /// What the rounded weights take.
    public var weightBytes: Int
    /// The rounded model as the student, the model as it is as the teacher.
    public var statistics: StudentStatistics

    /// A rounding, as the properties say.
    public init(type: String, weightBytes: Int, statistics: StudentStatistics) {
      self.type = type
      self.weightBytes = weightBytes
      self.statistics = statistics
    }
  }

  /// What it is to the others.
  public var role: Role
  /// Its folder, as the user named it.
  public var folder: String
  /// The run that made it; nil of a model from elsewhere.
  public var run: RunRecord?
  /// The recipe of that run, in its order.
  public var settings: [Setting]
  /// Layers, widths and heads; nil while a run has no model yet.
  public var configuration: DecoderConfiguration?
  /// Nil while a run has no model yet.
  public var size: Size?
  /// How well it predicts the text; nil where that was not measured.
  public var perplexity: Perplexity?
  /// How close it is to the teacher; nil of the teacher, and without one.
  public var statistics: StudentStatistics?
  /// What rounding its weights does to it, where that was measured.
  public var roundings: [Rounding] = []
  /// What it makes of tasks, where it was asked: those of all models are the same, in the same order.
  public var tasks: [TaskResult] = []

  /// A model, as the properties say.
  public init(
    role: Role, folder: String, run: RunRecord? = nil, settings: [Setting] = [],
    configuration: DecoderConfiguration? = nil, size: Size? = nil,
    perplexity: Perplexity? = nil, statistics: StudentStatistics? = nil
  ) {
    self.role = role
    self.folder = folder
    self.run = run
    self.settings = settings
    self.configuration = configuration
    self.size = size
    self.perplexity = perplexity
    self.statistics = statistics
  }

  /// What the recipe of its run says; nil where it does not.
  func setting(_ key: String) -> String? { settings.first { $0.key == key }?.value }

  /// Whether its run has not come to its end.
  public var isUnfinished: Bool { run.map { $0.manifest.result == nil } ?? false }
}
