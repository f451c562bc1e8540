import TensorCore

extension TensorType {
  /// Whether weights are read from it: from all floats of at least 8 bits that have a fraction, as PyTorch casts them.
  var isReadable: Bool {
    switch self {
    case .float32, .float16, .bfloat16, .float64, .float8E4M3, .float8E5M2: true
    default: false
    }
  }

  /// The names of the types that weights are read from.
  static var readableNames: String { allCases.filter(\.isReadable).map(\.rawValue).joined(separator: ", ") }

  /// Converts elements to float32, rounding to nearest. The type must be readable, and `values` have as many elements
  /// as `bytes`.
  func decode(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    switch self {
    case .float64:
      bytes.withUnsafeBytes { bytes in
        for index in 0..<values.count {
          let bits = bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
          values[index] = Float(Double(bitPattern: UInt64(littleEndian: bits)))
        }
      }
    case .float8E5M2:
      // the upper half of a binary16
      bytes.withUnsafeBytes { bytes in
        for index in 0..<values.count { values[index] = Float(Float16(bitPattern: UInt16(bytes[index]) << 8)) }
      }
    case .float8E4M3:
      let table = (0...255).map { Self.float8E4M3($0) }
      bytes.withUnsafeBytes { bytes in
        for index in 0..<values.count { values[index] = table[Int(bytes[index])] }
      }
    default:
      guard let weightType else { preconditionFailure("\(rawValue) is not read as weights") }
      weightType.decode(bytes, into: &values)
    }
  }

  /// A float of 8 bits with 4 of exponent, a bias of 7, no infinity, and NaN where all other bits are set (Micikevicius
  /// et al. 2022, arXiv 2209.05433).
  private static func float8E4M3(_ bits: Int) -> Float {
    if bits & 0x7F == 0x7F { return .nan }
    let (exponent, fraction) = (bits >> 3 & 0xF, Float(bits & 7) / 8)
    let magnitude =
      exponent == 0
      ? fraction * Float(sign: .plus, exponent: -6, significand: 1)
      : Float(sign: .plus, exponent: exponent - 7, significand: 1 + fraction)
    return bits & 0x80 == 0 ? magnitude : -magnitude
  }
}
