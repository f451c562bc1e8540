import ArgumentParser

/// A number of bytes: `800MB`, `4GiB`, `1.5G`, `1000000`.
struct ByteCount: ExpressibleByArgument, Equatable, CustomStringConvertible {
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

  static var allValueStrings: [String] { ["a size above 0 such as 500MB or 4GB"] }

  var defaultValueDescription: String { description }

  private static func power(_ base: Double, _ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { power, _ in power * base }
  }
}
