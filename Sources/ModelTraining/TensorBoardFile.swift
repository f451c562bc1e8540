import DurableFiles
import Foundation

/// A file with the numbers of `metrics.jsonl` for TensorBoard, `events.out.tfevents.<seconds>.limbeck` in the run
/// folder. Each process that writes the run has one of its own; TensorBoard reads them in the order of their names.
final class TensorBoardFile {
  private let file: URL
  private let handle: FileHandle

  /// Begins a file.
  /// - Parameters:
  ///   - folder: of the run.
  ///   - begun: when the run was begun.
  ///   - lines: those of the run so far. They are written, too, if no earlier process wrote such a file.
  /// - Throws: what the disk refuses.
  init(in folder: URL, begun: Date, after lines: [MetricsLine]) throws(TrainingError) {
    let prefix = "events.out.tfevents."
    let start = Date().timeIntervalSince1970
    let earlier = try writing(folder) {
      try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix(prefix) }
    }
    // a process that takes over within a second must not take over the name
    let number = (Int(start)...).first { !earlier.contains("\(prefix)\($0).limbeck") } ?? Int(start)
    let file = folder.appendingPathComponent("\(prefix)\(number).limbeck")
    self.file = file
    handle = try writing(file) {
      try Data().write(to: file, options: .withoutOverwriting)
      return try FileHandle(forWritingTo: file)
    }
    try append(.init(time: start, step: 0, content: .fileVersion))
    if earlier.isEmpty {
      for line in lines { try append(line, time: begun.timeIntervalSince1970 + line.seconds) }
    } else {
      try append(.init(time: start, step: (lines.last?.step ?? 0) + 1, content: .sessionStart))
    }
  }

  deinit {
    // All bytes are written already; closing can lose nothing.
    try? handle.close()
  }

  /// Appends the numbers of a line: `train/loss`, `validation/perplexity` and so on.
  func append(_ line: MetricsLine, time: Double = Date().timeIntervalSince1970) throws(TrainingError) {
    try append(.init(time: time, step: line.step, content: .scalars(line.scalars)))
  }

  private func append(_ event: TensorBoardEvent) throws(TrainingError) {
    try writing(file) { try handle.write(contentsOf: event.record) }
  }
}

extension MetricsLine {
  /// The numbers of a line under their keys in `metrics.jsonl`; NaN where one is not finite.
  fileprivate var scalars: [(tag: String, value: Double)] {
    let group =
      switch kind {
      case .step: "train"
      case .evaluation: "validation"
      }
    guard let data = try? encoded(),
      case .object(let members)? = try? JSONValue(parsing: Array(data), file: "metrics.jsonl")
    else { preconditionFailure("a line of metrics is no JSON object") }
    return members.sorted { $0.key < $1.key }.compactMap { key, value in
      guard key != "step", key != "seconds" else { return nil }
      return switch value {
      case .integer(let number): ("\(group)/\(key)", Double(number))
      case .number(let number): ("\(group)/\(key)", number)
      case .null: ("\(group)/\(key)", .nan)
      default: nil
      }
    }
  }
}
