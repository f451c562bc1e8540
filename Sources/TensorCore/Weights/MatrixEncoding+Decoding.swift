extension MatrixEncoding {
  /// Converts `bytes`, which hold whole blocks, into as many floats as they have weights.
  public func decode(_ bytes: RawSpan, into floats: inout MutableSpan<Float>) {
    let count = floats.count
    precondition(bytes.byteCount == rowBytes(columns: count), "\(bytes.byteCount) bytes for \(count) of \(self)")
    floats.withUnsafeMutableBufferPointer { target in
      bytes.withUnsafeBytes { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        decode(from, count, into: to)
      }
    }
  }
}
