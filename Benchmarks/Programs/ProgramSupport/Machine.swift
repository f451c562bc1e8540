import Foundation

/// What Linux says of this process and this machine.
public enum Machine {
  /// The most memory this process has had in RAM, mapped files included, in MiB; NaN where `/proc` is missing.
  public static func peakResidentMib() -> Double { mebibytes("VmHWM") }

  /// The memory of this process that is no mapped file, in MiB; NaN where `/proc` is missing.
  public static func anonymousMib() -> Double { mebibytes("RssAnon") }

  /// The name of the CPU.
  public static func processor() -> String { field("model name", of: "/proc/cpuinfo") ?? "unknown" }

  private static func mebibytes(_ name: String) -> Double {
    let kibibytes = field(name, of: "/proc/self/status")?.split(separator: " ").first
    return kibibytes.flatMap { Double($0) }.map { $0 / 1024 } ?? .nan
  }

  private static func field(_ name: String, of file: String) -> String? {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
  }
}

/// The middle of the sorted values; the mean of the two in the middle of an even number.
public func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
}
