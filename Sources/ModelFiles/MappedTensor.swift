import DurableFiles
import Glibc
import TensorCore

/// A tensor as it lies in a mapped file of any format: row-major, little-endian.
struct MappedTensor {
  /// The file.
  let file: MappedFile
  /// What the file calls it.
  let name: String
  /// The size of each dimension; empty for a scalar.
  let shape: [Int]
  /// Where it lies, in bytes from the start of the file.
  let byteRange: Range<Int>
  /// How products take its elements as they are; nil where they are converted first.
  let encoding: MatrixEncoding?
  /// Converts some rows.
  let decode: (_ bytes: RawSpan, _ floats: inout MutableSpan<Float>) -> Void

  private var rowCount: Int { shape.first ?? 1 }
  /// 0 where there are no rows: then the file's size says nothing of the other dimensions, whose product may be any.
  private var columns: Int { rowCount == 0 ? 0 : shape.dropFirst().reduce(1, *) }

  /// Where a range of rows lies.
  private func bytes(of rows: Range<Int>) -> Range<Int> {
    precondition(rows.upperBound <= rowCount, "rows \(rows) of \(name), shape \(shape)")
    let rowBytes = rowCount == 0 ? 0 : byteRange.count / rowCount
    let start = byteRange.lowerBound + rows.lowerBound * rowBytes
    return start..<start + rows.count * rowBytes
  }

  /// Converts rows to float32, one range after another, or all of them where `rows` is nil. `destination` must have as
  /// many elements.
  func read(rows: [Range<Int>]?, into destination: inout MutableSpan<Float>) {
    let ranges = rows ?? [0..<rowCount]
    precondition(
      destination.count == ranges.reduce(0) { $0 + $1.count } * columns,
      "\(destination.count) floats for \(name) of shape \(shape)")
    destination.withUnsafeMutableBufferPointer { values in
      var start = 0
      for range in ranges {
        let end = start + range.count * columns
        var part = UnsafeMutableBufferPointer(rebasing: values[start..<end]).mutableSpan
        file.withBytes { decode($0.extracting(bytes(of: range)), &part) }
        start = end
      }
    }
  }

  /// Rows, one range after another, or the tensor as a whole, as a weight. Values that lie together, and are float32
  /// and aligned or a matrix of another encoding, are used where they are mapped: they are read-only, cost no memory of
  /// the process's own, and keep the mapping alive. A matrix of another encoding whose rows lie apart is copied once,
  /// as it is; other values are converted to float32 once. Throws `wrongShape` where they have not the shape expected.
  func weights(
    rows: [Range<Int>]?, expecting expected: [Int], on device: Device
  ) throws(ModelFileError) -> WeightMatrix {
    guard rows.map({ [$0.reduce(0) { $0 + $1.count }] + shape.dropFirst() }) ?? shape == expected,
      rows?.allSatisfy({ $0.upperBound <= rowCount }) ?? true
    else { throw .wrongShape(file: file.path, tensor: name, expected: expected, found: shape) }
    let ranges = (rows ?? [0..<rowCount]).map(bytes(of:))
    if !expected.contains(0), let encoding {
      let alignment = MemoryLayout<Float>.alignment
      if encoding == .plain(.float32), ranges.count == 1, ranges[0].lowerBound.isMultiple(of: alignment) {
        let (start, count) = (ranges[0].lowerBound, ranges[0].count / MemoryLayout<Float>.size)
        let values = try ModelFileError.wrapping { () throws(FileError) in
          try file.elements(of: Float.self, at: start, count: count)
        }
        return .dense(Tensor(mapping: values, shape: expected, on: device))
      }
      if encoding != .plain(.float32), expected.count == 2 {
        return .encoded(
          EncodedMatrix(try together(ranges), encoding: encoding, rows: expected[0], columns: expected[1]))
      }
    }
    let tensor = Tensor.zeros(expected, on: device)
    tensor.withMutableSpan { values in read(rows: rows, into: &values) }
    return .dense(tensor.constant)
  }

  /// The bytes of some ranges, one after another: of a single one where they are mapped, else a copy.
  private func together(_ ranges: [Range<Int>]) throws(ModelFileError) -> MappedElements<UInt8> {
    try ModelFileError.wrapping { () throws(FileError) in
      if ranges.count == 1 {
        return try file.elements(of: UInt8.self, at: ranges[0].lowerBound, count: ranges[0].count)
      }
      let copy = try file.gathering(ranges)
      return try copy.elements(of: UInt8.self, at: 0, count: copy.count)
    }
  }

  /// Whether another tensor has the same shape and bytes. They must be of one type.
  func isIdentical(to other: MappedTensor) -> Bool {
    guard shape == other.shape, byteRange.count == other.byteRange.count else { return false }
    return file.withBytes { own in
      other.file.withBytes { others in
        own.extracting(byteRange).withUnsafeBytes { left in
          others.extracting(other.byteRange).withUnsafeBytes { right in
            guard let one = left.baseAddress, let two = right.baseAddress else { return true }
            return memcmp(one, two, left.count) == 0
          }
        }
      }
    }
  }
}
