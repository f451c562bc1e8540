import Foundation

/// What a run found, under the names that `pytorch_step.py` prints; nil is not printed.
struct StepReport: Encodable {
  var mode = "limbeck"
  var dtype = "float32"
  var blockTokens: Int
  var threads: Int
  var steps: Int
  var warmup: Int
  var tokensPerStep: Int
  var tokensPerSecond: Double
  var tokensPerSecondMinimum: Double
  var tokensPerSecondMaximum: Double
  var secondsPerStep: [Double]
  /// CPU time of all threads, what one waits with included.
  var cpuSecondsPerStep: [Double]
  var firstStepSeconds: Double
  var peakResidentMib: Double
  var losses: [Double]
  var gradientNorms: [Double]
  var largestLossDifference: Double?
  var processor: String
  var matrixKernel: String
  var openblasCoretype: String?

  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = .sortedKeys
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}

/// What Linux says of this process and this machine.
enum Machine {
  /// The most memory this process has had in RAM, in MiB; NaN where `/proc` is missing.
  static func peakResidentMib() -> Double {
    let kibibytes = field("VmHWM", of: "/proc/self/status")?.split(separator: " ").first
    return kibibytes.flatMap { Double($0) }.map { $0 / 1024 } ?? .nan
  }

  static func processor() -> String { field("model name", of: "/proc/cpuinfo") ?? "unknown" }

  private static func field(_ name: String, of file: String) -> String? {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
  }
}

/// The middle of the sorted values; the mean of the two in the middle of an even number.
func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
}
