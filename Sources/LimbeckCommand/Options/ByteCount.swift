import ArgumentParser

/// A number of bytes as text: `4GB`, `500 MB`, `1.5GiB`, `64K`.
struct ByteCount: ExpressibleByArgument, Equatable {
  let bytes: Double
  private let text: String

  private static let units: [String: Double] = [
    "": 1, "B": 1, "K": 1e3, "KB": 1e3, "KIB": 0x1p10, "M": 1e6, "MB": 1e6, "MIB": 0x1p20, "G": 1e9, "GB": 1e9,
    "GIB": 0x1p30, "T": 1e12, "TB": 1e12, "TIB": 0x1p40,
  ]

  init?(argument: String) {
    let number = argument.prefix { $0.isNumber || $0 == "." }
    let unit = argument.dropFirst(number.count).drop { $0 == " " }.uppercased()
    guard let count = Double(number), let factor = Self.units[unit], count > 0, count * factor < 1e18 else {
      return nil
    }
    (bytes, text) = (count * factor, argument)
  }

  static var allValueStrings: [String] { ["a size above 0 such as 500MB or 4GB"] }

  var defaultValueDescription: String { text }
}
