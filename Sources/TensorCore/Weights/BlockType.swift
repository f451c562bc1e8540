import CKernels

/// A type in which ggml keeps blocks of quantised weights of one row: integers of few bits with a scale or two.
/// The layouts and formulas are those of `ggml-common.h` and `ggml-quants.c`.
public enum BlockType: String, CaseIterable, Sendable {
  // ggml's names
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_0, q4_1, q5_0, q5_1, q8_0, q2_K, q3_K, q4_K, q5_K, q6_K, iq4_NL

  /// The weights of a block.
  public var length: Int {
    switch self {
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_NL: 32
    case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K: 256
    }
  }

  /// The bytes of a block.
  public var byteCount: Int {
    switch self {
    case .q4_0, .iq4_NL: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    case .q2_K: 84
    case .q3_K: 110
    case .q4_K: 144
    case .q5_K: 176
    case .q6_K: 210
    }
  }
}

extension BlockType {
  /// Whether weights can be converted to it.
  public var isEncodable: Bool {
    switch self {
    case .q8_0, .q4_0, .q4_K, .q6_K: true
    case .q4_1, .q5_0, .q5_1, .q2_K, .q3_K, .q5_K, .iq4_NL: false
    }
  }

  /// Converts weights, whole blocks, into as many bytes as they take: q8_0 and q4_0 bit for bit as ggml's reference
  /// does; q4_K and q6_K with scales that are searched for, so that the squared error, weighted as ggml weights it, is
  /// small. The type must be encodable, and weights finite: those of NaN and infinity are any.
  public func encode(_ floats: Span<Float>, into bytes: inout MutableSpan<UInt8>) {
    precondition(
      floats.count.isMultiple(of: length) && bytes.count == floats.count / length * byteCount,
      "\(floats.count) weights into \(bytes.count) bytes of \(rawValue)")
    bytes.withUnsafeMutableBufferPointer { target in
      floats.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        encode(from, source.count, into: to)
      }
    }
  }

  /// The same of `count` weights to any address.
  func encode(_ floats: UnsafePointer<Float>, _ count: Int, into blocks: UnsafeMutableRawPointer) {
    precondition(isEncodable, "no weights are converted to \(rawValue)")
    limbeck_encode_blocks(kernelType, blocks, floats, count / length)
  }

  /// Converts `count` weights, whole blocks, from any address on; the bits do not depend on the vectors.
  func decode(
    _ blocks: UnsafeRawPointer, _ count: Int, into floats: UnsafeMutablePointer<Float>, vectors: limbeck_vectors
  ) {
    limbeck_decode_blocks(vectors, kernelType, floats, blocks, count / length)
  }

  /// out[outputs] = x[inputs] · wᵀ of rows of whole blocks from any address on, or += where `adds`, with the bits of
  /// few rows of x and of decoded weights.
  func multiplyRow(
    _ x: UnsafePointer<Float>, _ w: UnsafeRawPointer, into out: UnsafeMutablePointer<Float>, adds: Bool, outputs: Int,
    inputs: Int, vectors: limbeck_vectors
  ) {
    limbeck_one_row_of_blocks(vectors, kernelType, out, adds ? 1 : 0, x, w, outputs, inputs)
  }

  private var kernelType: limbeck_block_type {
    switch self {
    case .q4_0: LIMBECK_Q4_0
    case .q4_1: LIMBECK_Q4_1
    case .q5_0: LIMBECK_Q5_0
    case .q5_1: LIMBECK_Q5_1
    case .q8_0: LIMBECK_Q8_0
    case .iq4_NL: LIMBECK_IQ4_NL
    case .q2_K: LIMBECK_Q2_K
    case .q3_K: LIMBECK_Q3_K
    case .q4_K: LIMBECK_Q4_K
    case .q5_K: LIMBECK_Q5_K
    case .q6_K: LIMBECK_Q6_K
    }
  }
}
