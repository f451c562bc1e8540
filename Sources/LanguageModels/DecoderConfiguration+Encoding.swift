public import TensorCore

extension DecoderConfiguration {
  /// How a weight is kept where matrices are in `encoding`: norms and biases in float32, matrices as asked, where their
  /// rows have whole blocks, else in Q8_0, else in float16. The matrix that gives logits is finer than 4 bits, as
  /// llama.cpp's quantiser has it (`llama_tensor_get_type_impl` and `tensor_type_fallback` in llama-quant.cpp).
  ///
  /// Files that are written, weights that are quantised while a model is read, and those that a student is trained with
  /// all ask this function.
  public func encoding(of role: WeightRole, ofMatrices encoding: MatrixEncoding) -> MatrixEncoding {
    let shape = shape(of: role)
    guard shape.count > 1, let columns = shape.last else { return .plain(.float32) }
    let wanted = givesLogits(role) ? encoding.ofLogits : encoding
    if columns.isMultiple(of: wanted.blockLength) { return wanted }
    // 256 do not divide a row: blocks of 32
    let fallback = MatrixEncoding.blocks(.q8_0)
    return columns.isMultiple(of: fallback.blockLength) ? fallback : .plain(.float16)
  }

  /// Whether it is the head, or the embedding that is tied to it.
  public func givesLogits(_ role: WeightRole) -> Bool { role == (tiesEmbeddings ? .embedding : .head) }
}

extension MatrixEncoding {
  /// That of the matrix that gives logits, where the others have this one.
  public var ofLogits: MatrixEncoding {
    switch self {
    case .blocks(.q4_0), .blocks(.q4_K): .blocks(.q6_K)
    case .plain, .blocks: self
    }
  }
}
