import CKernels

/// How the weights of a matrix are kept.
public enum MatrixEncoding: Equatable, Sendable {
  /// One by one.
  case plain(WeightType)
  /// In quantised blocks, of which a row has a whole number.
  case blocks(BlockType)

  /// The weights of a block; 1 where they are kept one by one.
  public var blockLength: Int {
    switch self {
    case .plain: 1
    case .blocks(let type): type.length
    }
  }

  /// The bytes of a row of so many weights, which must be a multiple of the block's.
  public func rowBytes(columns: Int) -> Int {
    switch self {
    case .plain(let type): return columns * type.byteCount
    case .blocks(let type):
      precondition(columns % type.length == 0, "\(columns) columns in blocks of \(type.length)")
      return columns / type.length * type.byteCount
    }
  }
}

extension MatrixEncoding {
  /// Converts `count` weights, whole blocks, from any address on.
  func decode(_ weights: UnsafeRawPointer, _ count: Int, into floats: UnsafeMutablePointer<Float>) {
    switch self {
    case .plain(let type): type.decode(weights, count, into: floats)
    case .blocks(let type): type.decode(weights, count, into: floats, vectors: limbeck_best_vectors())
    }
  }

  /// Converts `bytes`, which hold whole blocks, into as many floats as they have weights.
  public func decode(_ bytes: Span<UInt8>, into floats: inout MutableSpan<Float>) {
    decode(bytes.bytes, into: &floats)
  }

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

extension MatrixEncoding {
  /// The largest magnitude that surely has a value near it: halves hold no more, of weights or of blocks' scales. Nil
  /// where every finite one has.
  public var largest: Float? {
    switch self {
    case .plain(.float32), .plain(.bfloat16): nil
    case .plain(.float16), .blocks: 65_504
    }
  }

  /// Whether floats can be converted to it.
  public var isEncodable: Bool {
    switch self {
    case .plain: true
    case .blocks(let type): type.isEncodable
    }
  }

  /// Converts floats, whole blocks, each rounded to the nearest value or as its `BlockType` says; the bytes do not
  /// depend on the number of threads. The encoding must be encodable.
  public func encode(_ floats: [Float], on device: Device) -> [UInt8] {
    let count = rowBytes(columns: floats.count)
    return [UInt8](unsafeUninitializedCapacity: count) { bytes, initializedCount in
      floats.withUnsafeBufferPointer { floats in
        guard let from = floats.baseAddress, let to = bytes.baseAddress else { return }
        let blocks = floats.count / blockLength
        device.parallelRanges(blocks, grain: max(1, (1 << 14) / blockLength)) { range in
          encode(
            from + range.lowerBound * blockLength, range.count * blockLength,
            into: UnsafeMutableRawPointer(to) + range.lowerBound * rowBytes(columns: blockLength))
        }
      }
      initializedCount = count
    }
  }

  /// Converts floats, whole blocks, to values that a file holds exactly: encoding and decoding them gives the same
  /// bits again, and encoding once more the same bytes. `rounded` may be `floats`. Allocates nothing.
  func round(_ floats: UnsafePointer<Float>, _ count: Int, into rounded: UnsafeMutablePointer<Float>) {
    let together = Self.roundedBytes / rowBytes(columns: blockLength) * blockLength
    withUnsafeTemporaryAllocation(byteCount: Self.roundedBytes, alignment: 16) { bytes in
      guard let block = bytes.baseAddress else { return }
      for start in stride(from: 0, to: count, by: together) {
        let part = min(together, count - start)
        encode(floats + start, part, into: block)
        decode(block, part, into: rounded + start)
        // what was found by a search, or is too small for its scale, is encoded otherwise: with zeros of other signs
        encode(rounded + start, part, into: block)
        decode(block, part, into: rounded + start)
      }
    }
  }

  /// Bytes that are encoded at a time: no more, and they lie on the stack.
  private static let roundedBytes = 1024

  /// Converts `count` floats, whole blocks, to any address.
  func encode(_ floats: UnsafePointer<Float>, _ count: Int, into bytes: UnsafeMutableRawPointer) {
    switch self {
    case .plain(let type): type.encode(floats, count, into: bytes)
    case .blocks(let type): type.encode(floats, count, into: bytes)
    }
  }
}
