import ArgumentParser
import Diagnostics

/// How a run of `train` or `distill` is made to fit into memory.
struct MemoryOptions: ParsableArguments {
  @Flag(help: "Compute each layer anew in the backward pass: less memory, the same bits, about a fourth more time.")
  var recompute = false
  @Flag(help: "Show what memory the run would take, and stop before anything is loaded.")
  var plan = false
  @Option(
    help: ArgumentHelp(
      "Refuse a run that needs more memory: 800MB, 4GiB (default: what the machine has to spare).", valueName: "size"))
  var memoryLimit: MemorySize?
}

/// A number of bytes: `800MB`, `4GiB`, `1.5G`, `1000000`.
struct MemorySize: ExpressibleByArgument, CustomStringConvertible {
  let bytes: Int
  /// As it was given.
  let description: String

  /// nil where it is no size from 1 byte to 1 EiB.
  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = argument.dropFirst(digits.count).trimmingPrefix(" ").lowercased()
    let prefixes = ["k", "m", "g", "t"]
    let factor: Double? =
      switch unit {
      case "", "b": 1
      default:
        prefixes.firstIndex { unit.hasPrefix($0) }.flatMap { index in
          switch unit.dropFirst() {
          case "", "b": Self.power(1_000, index + 1)
          case "i", "ib": Self.power(1_024, index + 1)
          default: nil
          }
        }
      }
    guard let factor, let number = Double(digits), (1...0x1p60).contains(number * factor) else { return nil }
    bytes = Int(number * factor)
    description = argument
  }

  var defaultValueDescription: String { description }

  private static func power(_ base: Double, _ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { power, _ in power * base }
  }
}

/// `MemoryOptions`, settled.
struct MemorySettings {
  /// Whether the backward pass computes each layer anew.
  let recomputes: Bool
  /// Whether the memory is only to be shown.
  let isPlanned: Bool
  /// What a run may need at most; nil for what there is.
  let limit: MemorySize?

  init(_ options: MemoryOptions, _ recipe: inout RecipeFile) throws(RecipeError) {
    recomputes = try recipe.value("recompute", options.recompute ? true : nil) ?? false
    isPlanned = options.plan
    limit = try recipe.value("memory-limit", options.memoryLimit)
  }
}
