public import Foundation

/// What became of a distillation: teacher, control and students beside each other, with their curves, samples and
/// settings. `html` is a page of its own that needs neither scripts nor a network.
public struct DistillationReport: Sendable {
  /// What measured, such as `limbeck 0.1.0`.
  public var program: String
  /// When it was made.
  public var created: Date
  /// The models: the teacher first, then the students, then the control, so that a narrow screen has a student beside
  /// its teacher.
  public var models: [ReportedModel]
  /// What the models were measured on; nil where they were not.
  public var evaluation: ReportedEvaluation?
  /// What each model makes of the same prompts.
  public var samples: [ReportedSample]
  /// What a reader must know besides, a sentence each.
  public var remarks: [String]

  /// A report, as the properties say.
  public init(
    program: String, created: Date = Date(), models: [ReportedModel], evaluation: ReportedEvaluation? = nil,
    samples: [ReportedSample] = [], remarks: [String] = []
  ) {
    self.program = program
    self.created = created
    self.models = models
    self.evaluation = evaluation
    self.samples = samples
    self.remarks = remarks
  }
}

/// The text that models were measured on.
public struct ReportedEvaluation: Sendable {
  /// What the text is called: its paths.
  public var text: String
  /// The number of its tokens.
  public var tokens: Int
  /// W: the tokens of a window.
  public var window: Int
  /// A stretch of it, token by token, where there is a teacher to compare with. Its students are the models with
  /// `statistics`, in the order of the report.
  public var passage: ComparedPassage?

  /// An evaluation, as the properties say.
  public init(text: String, tokens: Int, window: Int, passage: ComparedPassage? = nil) {
    self.text = text
    self.tokens = tokens
    self.window = window
    self.passage = passage
  }
}

/// What models make of a prompt.
public struct ReportedSample: Sendable {
  /// The text to continue.
  public var prompt: String
  /// How the text itself goes on, where the prompt is from one.
  public var original: String?
  /// The continuation by each model, in the order of the report; nil of one that cannot speak yet.
  public var continuations: [String?]

  /// A sample, as the properties say.
  public init(prompt: String, original: String? = nil, continuations: [String?]) {
    self.prompt = prompt
    self.original = original
    self.continuations = continuations
  }
}
