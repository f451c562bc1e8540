/// The type of a tensor's elements, as ggml numbers them (`enum ggml_type` in ggml.h). All but the plain types keep
/// blocks of elements of one row together.
public enum GGUFTensorType: UInt32, CaseIterable, Sendable {
  /// IEEE 754 binary32.
  case f32 = 0
  /// IEEE 754 binary16.
  case f16 = 1
  /// 32 integers of 4 bits with a scale.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_0 = 2
  /// 32 integers of 4 bits with a scale and a minimum.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_1 = 3
  /// 32 integers of 5 bits with a scale.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_0 = 6
  /// 32 integers of 5 bits with a scale and a minimum.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_1 = 7
  /// 32 integers of 8 bits with a scale.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0 = 8
  /// 32 integers of 8 bits with a scale and their sum, of activations.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_1 = 9
  /// 256 integers of 2 bits in parts of 16, each with a scale and a minimum of 4 bits.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q2_K = 10
  /// 256 integers of 3 bits in parts of 16, each with a scale of 6 bits.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q3_K = 11
  /// 256 integers of 4 bits in parts of 32, each with a scale and a minimum of 6 bits.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_K = 12
  /// 256 integers of 5 bits in parts of 32, each with a scale and a minimum of 6 bits.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_K = 13
  /// 256 integers of 6 bits in parts of 16, each with a scale of 8 bits.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q6_K = 14
  /// 256 integers of 8 bits with a scale and sums, of activations.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_K = 15
  /// 256 weights from a table, about 2.06 bits each.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq2_XXS = 16
  /// 256 weights from a table, about 2.31 bits each.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq2_XS = 17
  /// 256 weights from a table, about 3.06 bits each.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq3_XXS = 18
  /// 256 weights from a table, about 1.56 bits each.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq1_S = 19
  /// 32 indices of 4 bits into a table of 16 values, with a scale.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq4_NL = 20
  /// 256 weights from a table, about 3.44 bits each.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq3_S = 21
  /// 256 weights from a table, about 2.56 bits each.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq2_S = 22
  /// 256 indices of 4 bits into a table of 16 values, in parts of 32 with scales.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq4_XS = 23
  /// A signed integer of 8 bits.
  case i8 = 24
  /// A signed integer of 16 bits.
  case i16 = 25
  /// A signed integer of 32 bits.
  case i32 = 26
  /// A signed integer of 64 bits.
  case i64 = 27
  /// IEEE 754 binary64.
  case f64 = 28
  /// 256 weights from a table, 1.75 bits each.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq1_M = 29
  /// The upper half of a binary32.
  case bf16 = 30
  /// 256 ternary weights, about 1.69 bits each.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case tq1_0 = 34
  /// 256 ternary weights, about 2.06 bits each.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case tq2_0 = 35
  /// 32 floats of 4 bits with an exponent.
  case mxfp4 = 39
  /// 64 floats of 4 bits with scales of 8 bits.
  case nvfp4 = 40
  /// 128 signs with a scale.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q1_0 = 41

  /// What llama.cpp calls it: `Q4_K`.
  public var name: String { self == .q1_0 ? "Q1_0" : String(describing: self).uppercased() }

  /// The elements of a block; 1 for plain types. The length of a row is a multiple of it.
  public var blockLength: Int {
    switch self {
    case .f32, .f16, .bf16, .f64, .i8, .i16, .i32, .i64: 1
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q8_1, .iq4_NL, .mxfp4: 32
    case .nvfp4: 64
    case .q1_0: 128
    default: 256
    }
  }

  /// The bytes of a block (`GGML_QUANT_SIZES` in gguf-py's constants.py, 0.19).
  public var blockBytes: Int {
    switch self {
    case .i8: 1
    case .f16, .bf16, .i16: 2
    case .f32, .i32: 4
    case .f64, .i64: 8
    case .mxfp4: 17
    case .q4_0, .iq4_NL, .q1_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    case .nvfp4: 36
    case .q8_1: 40
    case .iq1_S: 50
    case .tq1_0: 54
    case .iq1_M: 56
    case .iq2_XXS, .tq2_0: 66
    case .iq2_XS: 74
    case .iq2_S: 82
    case .q2_K: 84
    case .iq3_XXS: 98
    case .q3_K, .iq3_S: 110
    case .iq4_XS: 136
    case .q4_K: 144
    case .q5_K: 176
    case .q6_K: 210
    case .q8_K: 292
    }
  }
}
