public import TensorCore

/// An element type of the safetensors format. The raw values are those of a header's `dtype`
/// (`Dtype` in huggingface/safetensors, version 0.8).
public enum TensorType: String, CaseIterable, Sendable {
  /// A byte that is 0 or 1.
  case bool = "BOOL"
  /// An unsigned integer of 8 bits.
  case uint8 = "U8"
  /// A signed integer of 8 bits.
  case int8 = "I8"
  /// An unsigned integer of 16 bits.
  case uint16 = "U16"
  /// A signed integer of 16 bits.
  case int16 = "I16"
  /// An unsigned integer of 32 bits.
  case uint32 = "U32"
  /// A signed integer of 32 bits.
  case int32 = "I32"
  /// An unsigned integer of 64 bits.
  case uint64 = "U64"
  /// A signed integer of 64 bits.
  case int64 = "I64"
  /// IEEE 754 binary16.
  case float16 = "F16"
  /// The upper half of a binary32.
  case bfloat16 = "BF16"
  /// IEEE 754 binary32.
  case float32 = "F32"
  /// IEEE 754 binary64.
  case float64 = "F64"
  /// Two binary32.
  case complex64 = "C64"
  /// A float of 4 bits.
  case float4 = "F4"
  /// A float of 6 bits, 2 of exponent.
  case float6E2M3 = "F6_E2M3"
  /// A float of 6 bits, 3 of exponent.
  case float6E3M2 = "F6_E3M2"
  /// A float of 8 bits, 5 of exponent.
  case float8E5M2 = "F8_E5M2"
  /// A float of 8 bits, 4 of exponent.
  case float8E4M3 = "F8_E4M3"
  /// A float of 8 bits, 5 of exponent, without a negative zero.
  case float8E5M2FNUZ = "F8_E5M2FNUZ"
  /// A float of 8 bits, 4 of exponent, without a negative zero.
  case float8E4M3FNUZ = "F8_E4M3FNUZ"
  /// A float of 8 bits, all of exponent.
  case float8E8M0 = "F8_E8M0"

  /// The type that keeps weights of type `weight`.
  public init(_ weight: WeightType) {
    self =
      switch weight {
      case .float32: .float32
      case .float16: .float16
      case .bfloat16: .bfloat16
      }
  }

  /// The type as one that weights stay in, `nil` where they are converted or cannot be read.
  public var weightType: WeightType? {
    switch self {
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    default: nil
    }
  }

  /// The size of one element in bits.
  public var bitCount: Int {
    switch self {
    case .float4: 4
    case .float6E2M3, .float6E3M2: 6
    case .bool, .uint8, .int8, .float8E5M2, .float8E4M3, .float8E5M2FNUZ, .float8E4M3FNUZ, .float8E8M0: 8
    case .uint16, .int16, .float16, .bfloat16: 16
    case .uint32, .int32, .float32: 32
    case .uint64, .int64, .float64, .complex64: 64
    }
  }
}
