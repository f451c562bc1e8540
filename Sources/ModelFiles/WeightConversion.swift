// Conversions between float32 and the two 16-bit types of checkpoints. They are written on bit patterns and without
// branches, so that the compiler turns each loop into vector instructions of any CPU level; conversion through
// `Float16` would be a library call per element on CPUs older than F16C.

extension WeightType {
  /// Converts `bytes`, which hold values of this type, into as many floats. Exact for every value; NaNs stay NaNs with
  /// their payload.
  func decode(_ bytes: RawSpan, into floats: inout MutableSpan<Float>) {
    let count = floats.count
    precondition(bytes.byteCount == count * byteCount, "\(bytes.byteCount) bytes for \(count) values of \(rawValue)")
    floats.withUnsafeMutableBufferPointer { target in
      bytes.withUnsafeBytes { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        switch self {
        case .float32:
          UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: source.count)
        case .float16:
          for index in 0..<count {
            to[index] = float(half: from.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
          }
        case .bfloat16:
          for index in 0..<count {
            to[index] = float(brain: from.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
          }
        }
      }
    }
  }

  /// Converts `floats` to this 16-bit type, rounding to the nearest value, ties to even; too large becomes infinity,
  /// NaN stays NaN.
  func encode(_ floats: Span<Float>, into halves: inout MutableSpan<UInt16>) {
    precondition(byteCount == 2 && floats.count == halves.count, "\(floats.count) floats into \(halves.count) halves")
    halves.withUnsafeMutableBufferPointer { target in
      floats.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        if self == .float16 {
          for index in 0..<source.count { to[index] = half(from[index]) }
        } else {
          for index in 0..<source.count { to[index] = brain(from[index]) }
        }
      }
    }
  }
}

@inline(__always) private func float(brain bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

@inline(__always) private func brain(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  // Adding half a unit, less one where the kept part is even, carries exactly when rounding to nearest-even goes up.
  let rounded = bits &+ 0x7FFF &+ ((bits >> 16) & 1)
  // Rounding could carry a NaN into infinity, and cutting could leave no fraction bit; the quiet bit keeps it a NaN.
  let quiet = bits | 0x40_0000
  return UInt16(truncatingIfNeeded: ((bits & 0x7FFF_FFFF) > 0x7F80_0000 ? quiet : rounded) >> 16)
}

@inline(__always) private func float(half bits: UInt16) -> Float {
  let magnitude = UInt32(bits & 0x7FFF)
  // The exponent's bias grows from 15 to 127; infinity and NaN (exponent 31) must reach 255, another 112 up.
  let rebiased = (magnitude << 13) &+ (magnitude >= 0x7C00 ? 224 << 23 : 112 << 23)
  let subnormal = (Float(Int32(bitPattern: magnitude)) * 0x1p-24).bitPattern
  let result = magnitude < 0x400 ? subnormal : rebiased
  return Float(bitPattern: result | UInt32(bits & 0x8000) << 16)
}

@inline(__always) private func half(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  let magnitude = bits & 0x7FFF_FFFF
  // Values from 65520 on carry into exponent 31, which is infinity; larger ones are clamped to it.
  let rebiased = magnitude &- 112 << 23
  let normal = min((rebiased &+ 0xFFF &+ ((magnitude >> 13) & 1)) >> 13, 0x7C00)
  // Below 2^-14 the unit is 2^-24, which is the unit of floats in 0.5..<1: the addition rounds.
  let subnormal = (Float(bitPattern: magnitude) + 0.5).bitPattern &- Float(0.5).bitPattern
  let nan = 0x7E00 | (magnitude >> 13) & 0x3FF
  let finite = magnitude < 0x3880_0000 ? subnormal : normal
  let result = magnitude > 0x7F80_0000 ? nan : finite
  return UInt16(truncatingIfNeeded: result | (bits >> 16) & 0x8000)
}
