import TensorCore
import Testing

@Suite struct WeightConversionTests {
  func decode(_ halves: [UInt16], _ type: WeightType) -> [Float] {
    var floats = [Float](repeating: 0, count: halves.count)
    var span = floats.mutableSpan
    type.decode(halves.span.bytes, into: &span)
    return floats
  }

  func encode(_ floats: [Float], _ type: WeightType) -> [UInt16] {
    var halves = [UInt16](repeating: 0, count: floats.count)
    var span = halves.mutableSpan
    type.encode(floats.span, into: &span)
    return halves
  }

  /// Floats around every half's value and around the middle between it and its neighbour.
  func neighbours(of values: [Float]) -> [Float] {
    var floats: [Float] = [
      .nan, -.nan, .signalingNaN, .infinity, -.infinity, .greatestFiniteMagnitude, 65519, 65520, 65536,
    ]
    for (value, next) in zip(values, values.dropFirst()) where value.isFinite {
      let middle = value + (next.isFinite ? (next - value) / 2 : value.ulp)
      floats += [value, value.nextUp, value.nextDown, middle, middle.nextUp, middle.nextDown, -middle]
    }
    return floats
  }

  @Test func everyFloat16IsReadExactly() {
    let all = Array(UInt16.min...UInt16.max)
    for (bits, float) in zip(all, decode(all, .float16)) {
      let expected = Float16(bitPattern: bits)
      #expect(expected.isNaN ? float.isNaN : float.bitPattern == Float(expected).bitPattern, "bits \(bits)")
    }
  }

  @Test func everyBFloat16IsReadExactly() {
    let all = Array(UInt16.min...UInt16.max)
    for (bits, float) in zip(all, decode(all, .bfloat16)) { #expect(float.bitPattern == UInt32(bits) << 16) }
  }

  @Test func everyHalfIsWrittenBack() {
    let all = Array(UInt16.min...UInt16.max)
    for type in [WeightType.float16, .bfloat16] {
      for (bits, back) in zip(all, encode(decode(all, type), type)) where back != bits {
        // A signalling NaN comes back quiet.
        #expect(decode([bits], type)[0].isNaN && decode([back], type)[0].isNaN, "\(type) bits \(bits)")
      }
    }
  }

  @Test func float16RoundsToNearestEven() {
    let floats = neighbours(of: (0...UInt16(0x7C00)).map { Float(Float16(bitPattern: $0)) })
    for (float, bits) in zip(floats, encode(floats, .float16)) {
      let expected = Float16(float)
      let found = Float16(bitPattern: bits)
      #expect(expected.isNaN ? found.isNaN : found.bitPattern == expected.bitPattern, "\(float)")
    }
  }

  @Test func bfloat16RoundsToNearestEven() {
    let floats = neighbours(of: (0...UInt16(0x7F80)).map { Float(bitPattern: UInt32($0) << 16) })
    for (float, bits) in zip(floats, encode(floats, .bfloat16)) {
      let found = Float(bitPattern: UInt32(bits) << 16)
      if float.isNaN {
        #expect(found.isNaN)
        continue
      }
      // The plain reference: the candidates below and above, compared in Double.
      let below = Float(bitPattern: float.bitPattern & 0xFFFF_0000)
      let above = Float(bitPattern: (float.bitPattern & 0xFFFF_0000) &+ 0x1_0000)
      if float.isInfinite || below == float {
        #expect(found == float)
      } else if above.isInfinite {
        #expect(found == (float.bitPattern & 0xFFFF >= 0x8000 ? above : below), "\(float)")
      } else {
        let (down, up) = (abs(Double(float) - Double(below)), abs(Double(above) - Double(float)))
        let even = below.bitPattern >> 16 & 1 == 0 ? below : above
        #expect(found == (down < up ? below : down > up ? above : even), "\(float)")
      }
    }
  }
}
