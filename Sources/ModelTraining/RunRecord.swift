public import Foundation

/// What the folder of a run tells of it, finished or not. Nothing is written; the run may be going on.
public struct RunRecord: Sendable {
  /// Where the run is.
  public let folder: URL
  /// What it was made from and, once it is finished, how it went.
  public let manifest: RunManifest
  /// The steps so far, ascending.
  public let steps: [MetricsLine]
  /// The evaluations so far, ascending.
  public let evaluations: [MetricsLine]
  /// The newest checkpoint: its step, and where it is; nil before the first one.
  public let newestCheckpoint: (step: Int, url: URL)?

  /// Reads the folder of a run; nil if it is none. Throws `damagedRun` where a file makes no sense, and what the disk
  /// refuses.
  public init?(ofRun folder: URL) throws(TrainingError) {
    guard let manifest = try RunManifest(ofRun: folder) else { return nil }
    self.folder = folder
    self.manifest = manifest
    let lines = try MetricsLine.lines(of: RunFolder.metricsURL(ofRun: folder))
    steps = lines.filter { $0.kind == .step }
    evaluations = lines.filter { $0.kind == .evaluation }
    newestCheckpoint = RunFolder.newestCheckpoint(ofRun: folder)
  }

  /// Where the trained model is: the folder itself once the run is finished, its newest checkpoint before; nil before
  /// the first one.
  public var model: URL? { manifest.result == nil ? newestCheckpoint?.url : folder }
  /// Steps behind the model, or behind the metrics while there is no model.
  public var stepCount: Int { manifest.result?.steps ?? newestCheckpoint?.step ?? steps.last?.step ?? 0 }
  /// Input tokens of these steps.
  public var tokensSeen: Int { manifest.result?.tokensSeen ?? lastStep?.tokensSeen ?? 0 }
  /// Seconds of these steps, resumptions included.
  public var seconds: Double { manifest.result?.seconds ?? lastStep?.seconds ?? 0 }

  private var lastStep: MetricsLine? { steps.last { $0.step <= stepCount } }
}
