import Foundation

/// `metrics.jsonl`: one JSON object per line, each handed to the system at once, so that a killed process loses none.
final class MetricsLog {
  private let file: URL
  private let handle: FileHandle
  /// Gets each line, too.
  private let tensorBoard: TensorBoardFile?
  /// The file's size: what a checkpoint remembers, to cut off what came after it.
  private(set) var byteCount: Int

  /// Opens the log of a run to be continued after its first `byteCount` bytes; what comes after them is cut off.
  init(of folder: RunFolder, keeping byteCount: Int) throws(TrainingError) {
    let file = folder.metricsURL
    self.file = file
    (handle, self.byteCount) = try writing(file) {
      if !FileManager.default.fileExists(atPath: file.path) { try Data().write(to: file) }
      let handle = try FileHandle(forWritingTo: file)
      let kept = min(byteCount, Int(try handle.seekToEnd()))
      try handle.truncate(atOffset: UInt64(kept))
      try handle.seekToEnd()
      return (handle, kept)
    }
    tensorBoard =
      folder.writesTensorBoard
      ? try TensorBoardFile(
        in: folder.url, begun: folder.manifest.created, after: try MetricsLine.lines(of: file)) : nil
  }

  deinit {
    // All bytes are written already; closing can lose nothing.
    try? handle.close()
  }

  func append(_ step: TrainingStep, seconds: Double) throws(TrainingError) {
    try append(
      MetricsLine(
        kind: .step, step: step.number, tokens: step.countedTokens, loss: step.loss, crossEntropy: step.crossEntropy,
        terms: step.terms, seconds: seconds, gradientNorm: step.gradientNorm,
        learningRate: step.learningRate, tokensSeen: step.tokensSeen, tokensPerSecond: step.tokensPerSecond,
        onPolicy: step.isOnPolicy ? true : nil))
  }

  func append(_ result: ValidationResult, seconds: Double) throws(TrainingError) {
    try append(
      MetricsLine(
        kind: .evaluation, step: result.step, tokens: result.tokens, loss: result.loss,
        crossEntropy: result.crossEntropy, terms: result.terms, seconds: seconds, perplexity: result.perplexity))
  }

  /// Makes all lines durable.
  func synchronize() throws(TrainingError) {
    try writing(file) { try handle.synchronize() }
  }

  private func append(_ line: MetricsLine) throws(TrainingError) {
    try writing(file) {
      let data = try line.encoded() + Data("\n".utf8)
      try handle.write(contentsOf: data)
      byteCount += data.count
    }
    try tensorBoard?.append(line)
  }
}
