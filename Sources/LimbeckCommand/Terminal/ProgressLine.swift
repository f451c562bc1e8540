import Foundation

/// How far long work has come: on a terminal one line with a bar, redrawn; elsewhere a plain line every ten seconds.
struct ProgressLine {
  private let label: String
  private let console: Console
  /// The time until the first look and from one to the next.
  private let patience, interval: Duration
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private var lastShown: ContinuousClock.Instant?

  /// A line that begins with `label`; on a terminal it appears after `patience`, so that short work shows none. Until
  /// then `work`, if it is given, says what is going on: the first count may take long.
  init(_ label: String, on console: Console, patience: Duration = .seconds(1), announcing work: String? = nil) {
    self.label = label
    self.console = console
    interval = console.isTerminal ? .milliseconds(100) : .seconds(10)
    self.patience = console.isTerminal ? patience : interval
    start = clock.now
    if let work { console.announce(work) }
  }

  /// Shows that `done` of `total` are done, with `details` such as the loss. Calls that come too fast for the eye
  /// cost a look at the clock; after the first one that is shown, the last one is, too. `secondsLeft` is an estimate
  /// better than the mean speed since the start.
  mutating func show(
    _ done: Int, of total: Int, secondsLeft: Double? = nil, details: @autoclosure () -> [String] = []
  ) {
    let now = clock.now
    let isDue = lastShown.map { now - $0 >= interval || done >= total } ?? (now - start >= patience)
    guard isDue else { return }
    lastShown = now
    let elapsed = (now - start) / .seconds(1)
    let left = secondsLeft ?? (done > 0 ? elapsed / Double(done) * Double(total - done) : nil)
    let time = done < total ? left.map { "\(Format.time($0)) left" } : "in \(Format.time(elapsed))"
    let facts = details() + [time].compactMap(\.self)
    if console.isTerminal {
      console.showProgress(Self.bar(label, done, of: total, facts: facts))
    } else {
      console.write(Self.plainLine(label, done, of: total, facts: facts))
    }
  }

  /// Goes on below the bar, or in its place where none was shown.
  func end() { if lastShown == nil { console.clearProgress() } else { console.endProgress() } }

  static func bar(_ label: String, _ done: Int, of total: Int, facts: [String]) -> String {
    let width = 20
    let filled = total > 0 ? min(width, done * width / total) : width
    let bar = String(repeating: "━", count: filled) + String(repeating: "╌", count: width - filled)
    return ([plainCount(label, done, of: total) + " " + bar] + facts).joined(separator: "  ")
  }

  static func plainLine(_ label: String, _ done: Int, of total: Int, facts: [String]) -> String {
    ([plainCount(label, done, of: total)] + facts).joined(separator: "  ")
  }

  private static func plainCount(_ label: String, _ done: Int, of total: Int) -> String {
    let digits = String(total)
    let count = String(done)
    return "\(label) " + String(repeating: " ", count: max(0, digits.count - count.count)) + count + "/" + digits
  }
}
