import GGUF
import TensorCore

extension GGUFTensorType {
  /// How products take matrices of this type as they lie in the file; nil for types that are not read as weights.
  var encoding: MatrixEncoding? {
    switch self {
    case .f32: .plain(.float32)
    case .f16: .plain(.float16)
    case .bf16: .plain(.bfloat16)
    case .q4_0: .blocks(.q4_0)
    case .q4_1: .blocks(.q4_1)
    case .q5_0: .blocks(.q5_0)
    case .q5_1: .blocks(.q5_1)
    case .q8_0: .blocks(.q8_0)
    case .q2_K: .blocks(.q2_K)
    case .q3_K: .blocks(.q3_K)
    case .q4_K: .blocks(.q4_K)
    case .q5_K: .blocks(.q5_K)
    case .q6_K: .blocks(.q6_K)
    case .iq4_NL: .blocks(.iq4_NL)
    case .q8_1, .q8_K, .iq1_S, .iq1_M, .iq2_XXS, .iq2_XS, .iq2_S, .iq3_XXS, .iq3_S, .iq4_XS, .i8, .i16, .i32, .i64,
      .f64, .tq1_0, .tq2_0, .mxfp4, .nvfp4, .q1_0:
      nil
    }
  }

  /// The encoding of a type that is written.
  var writtenEncoding: MatrixEncoding {
    guard let encoding, encoding.isEncodable else { preconditionFailure("\(name) is not written") }
    return encoding
  }

  /// The type whose matrices are kept so.
  init(_ encoding: MatrixEncoding) {
    guard let type = Self.allCases.first(where: { $0.encoding == encoding }) else {
      preconditionFailure("\(encoding) is no type of a GGUF file")
    }
    self = type
  }

  /// The names of the types that weights are read from.
  static var readableNames: String { allCases.filter { $0.encoding != nil }.map(\.name).joined(separator: ", ") }
}
