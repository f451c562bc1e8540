/// The type of a tensor's elements, as ggml numbers them (`enum ggml_type` in ggml.h). All but the plain types keep
/// blocks of elements of one row together.
public enum GGUFTensorType: UInt32, CaseIterable, Sendable {
  case f32 = 0
  case f16 = 1
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  case q8_1 = 9
  case q2_K = 10
  case q3_K = 11
  case q4_K = 12
  case q5_K = 13
  case q6_K = 14
  case q8_K = 15
  case iq2_XXS = 16
  case iq2_XS = 17
  case iq3_XXS = 18
  case iq1_S = 19
  case iq4_NL = 20
  case iq3_S = 21
  case iq2_S = 22
  case iq4_XS = 23
  case i8 = 24
  case i16 = 25
  case i32 = 26
  case i64 = 27
  case f64 = 28
  case iq1_M = 29
  case bf16 = 30
  case tq1_0 = 34
  case tq2_0 = 35
  case mxfp4 = 39
  case nvfp4 = 40
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
