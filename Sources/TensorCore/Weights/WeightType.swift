import CKernels

/// The floating-point types in which weights are kept on disk. The raw values are PyTorch's names, as `torch_dtype` in
/// config.json spells them.
public enum WeightType: String, CaseIterable, Codable, Sendable {
  /// IEEE 754 binary32.
  case float32
  /// IEEE 754 binary16: 5 bits of exponent, 10 of fraction.
  case float16
  /// The upper half of a binary32: 8 bits of exponent, 7 of fraction.
  case bfloat16

  /// The size of one weight in bytes.
  public var byteCount: Int { self == .float32 ? 4 : 2 }
}

extension WeightType {
  /// Converts `bytes`, which hold values of this type, into as many floats. Exact for every value; NaN stays NaN.
  public func decode(_ bytes: RawSpan, into floats: inout MutableSpan<Float>) {
    let count = floats.count
    precondition(bytes.byteCount == count * byteCount, "\(bytes.byteCount) bytes for \(count) values of \(rawValue)")
    floats.withUnsafeMutableBufferPointer { target in
      bytes.withUnsafeBytes { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        decode(from, count, into: to)
      }
    }
  }

  /// The same of `count` values from any address on.
  func decode(_ values: UnsafeRawPointer, _ count: Int, into floats: UnsafeMutablePointer<Float>) {
    switch self {
    case .float32: UnsafeMutableRawPointer(floats).copyMemory(from: values, byteCount: 4 * count)
    case .float16: limbeck_decode_f16(floats, values, count)
    case .bfloat16: limbeck_decode_bf16(floats, values, count)
    }
  }

  /// Converts `floats` to this 16-bit type, rounding to the nearest value, ties to even; too large becomes infinity,
  /// NaN stays NaN.
  public func encode(_ floats: Span<Float>, into halves: inout MutableSpan<UInt16>) {
    precondition(byteCount == 2 && floats.count == halves.count, "\(floats.count) floats into \(halves.count) halves")
    halves.withUnsafeMutableBufferPointer { target in
      floats.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        encode(from, source.count, into: to)
      }
    }
  }

  /// The same of `count` values to any address, of any of these types.
  func encode(_ floats: UnsafePointer<Float>, _ count: Int, into values: UnsafeMutableRawPointer) {
    switch self {
    case .float32: values.copyMemory(from: floats, byteCount: 4 * count)
    case .float16: limbeck_encode_f16(values, floats, count)
    case .bfloat16: limbeck_encode_bf16(values, floats, count)
    }
  }
}
