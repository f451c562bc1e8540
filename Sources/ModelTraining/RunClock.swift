import Foundation

/// The time of a run: that of earlier processes, and that since this one began.
struct RunClock {
  private let secondsBefore: Double
  private let stepsBefore: Int
  private let start = ContinuousClock.now

  init(secondsBefore: Double, stepsBefore: Int) {
    self.secondsBefore = secondsBefore
    self.stepsBefore = stepsBefore
  }

  private var secondsNow: Double { (ContinuousClock.now - start) / .seconds(1) }

  /// Seconds of the whole run so far.
  var seconds: Double { secondsBefore + secondsNow }

  /// What the steps after `step` take at the pace of this process, evaluations and checkpoints included.
  func secondsRemaining(after step: Int, of total: Int) -> Double {
    secondsNow / Double(max(1, step - stepsBefore)) * Double(total - step)
  }
}

/// The most memory that this process ever held, in bytes; nil where the system has no `/proc`.
func peakMemoryBytes() -> Int? {
  let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
  let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
}
