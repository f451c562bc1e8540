import Diagnostics
import DurableFiles

/// What a header says of a tensor, before it is known to lie in the file.
struct GGUFTensorInfo {
  let name: String
  let type: GGUFTensorType
  /// Rows first.
  let shape: [Int]
  /// Where it lies, in bytes from the first tensor's place.
  let offset: UInt64

  /// The bytes that it takes; nil where rows are no whole blocks, and where there are more than can be counted.
  var byteCount: Int? {
    let columns = shape.last ?? 1
    guard columns.isMultiple(of: type.blockLength) else { return nil }
    var count = columns / type.blockLength
    for factor in shape.dropLast() + [type.blockBytes] {
      let (product, overflows) = count.multipliedReportingOverflow(by: factor)
      guard !overflows else { return nil }
      count = product
    }
    return count
  }
}

/// Reads the tensors of a header, and lays them out in the file.
struct GGUFTensorTable {
  private var reader: GGUFReader
  private let path: String
  /// What each tensor's place is a multiple of.
  private let alignment: Int

  /// The most dimensions (`GGML_MAX_DIMS`).
  private static let dimensionLimit = 4
  /// The bytes of a name: `GGML_MAX_NAME` without its zero byte.
  private static let nameLimit = 63
  /// The bytes of a tensor in a header, at the least: the length of its name and a byte of it, the number of dimensions
  /// and one, type and offset.
  static let leastBytes = 8 + 1 + 4 + 8 + 4 + 8

  /// `reader` stands where the first tensor is described.
  init(_ reader: GGUFReader, alignment: Int) {
    self.reader = reader
    path = reader.file.path
    self.alignment = alignment
  }

  /// The tensors, of which each begins where the one before it ends, but for the alignment. Throws `value` and `file`.
  mutating func tensors(count: Int) throws(GGUFError) -> [GGUFTensor] {
    var infos: [GGUFTensorInfo] = []
    var names: Set<String> = []
    for index in 0..<count {
      let info = try info(index)
      guard names.insert(info.name).inserted else { throw .file(.duplicateKey(file: path, key: info.name)) }
      infos.append(info)
    }
    return try laidOut(infos)
  }

  private mutating func info(_ index: Int) throws(GGUFError) -> GGUFTensorInfo {
    let name = try reader.name("tensor \(index)", limit: Self.nameLimit)
    let shape = try shape(of: name)
    let number = try reader.next(UInt32.self)
    guard let type = GGUFTensorType(rawValue: number) else {
      throw invalid(name, expected: "a type that is known", found: "type \(number)")
    }
    return GGUFTensorInfo(name: name, type: type, shape: shape, offset: try reader.next(UInt64.self))
  }

  private mutating func shape(of name: String) throws(GGUFError) -> [Int] {
    let count = try reader.next(UInt32.self)
    guard (1...UInt32(Self.dimensionLimit)).contains(count) else {
      throw invalid(name, expected: "1 to \(Self.dimensionLimit) dimensions", found: "\(count)")
    }
    var shape: [Int] = []
    for _ in 0..<count {
      let size = try reader.next(UInt64.self)
      guard size > 0, let size = Int(exactly: size) else {
        throw invalid(name, expected: "dimensions from 1 to \(Int.max)", found: "\(size)")
      }
      shape.append(size)
    }
    return shape.reversed()
  }

  private func laidOut(_ infos: [GGUFTensorInfo]) throws(GGUFError) -> [GGUFTensor] {
    let fileSize = reader.file.count
    guard let start = aligned(reader.offset) else {
      throw .file(.pastEnd(file: path, byteOffset: reader.offset, byteCount: alignment, fileSize: fileSize))
    }
    var end = 0
    var tensors: [GGUFTensor] = []
    for info in infos {
      guard info.offset == UInt64(end) else {
        throw invalid(
          info.name, expected: "the offset \(end), where the tensor before it ends", found: "\(info.offset)")
      }
      guard let size = info.byteCount else {
        let length = info.type.blockLength
        throw invalid(
          info.name,
          expected: length > 1
            ? "rows of a multiple of \(length) elements, for it is \(info.type.name), and a size that can be"
            : "a size that can be", found: "shape \(info.shape)")
      }
      let (first, overflows) = start.addingReportingOverflow(end)
      guard !overflows, first <= fileSize, size <= fileSize - first else {
        throw .file(
          .pastEnd(file: path, byteOffset: overflows ? .max : first, byteCount: size, fileSize: fileSize))
      }
      tensors.append(
        GGUFTensor(name: info.name, type: info.type, shape: info.shape, byteRange: first..<first + size))
      // both lie in the file; what follows the last tensor need not
      end = aligned(end + size) ?? .max
    }
    if let last = tensors.last?.byteRange.upperBound, fileSize > last, fileSize - last >= alignment {
      throw .value(
        InvalidValue(
          path, "size", expected: "\(last) bytes, where the last tensor ends", found: "\(fileSize)",
          advice: "it is damaged"))
    }
    return tensors
  }

  /// The next multiple of the alignment; nil where there is none.
  private func aligned(_ offset: Int) -> Int? {
    let (sum, overflows) = offset.addingReportingOverflow(alignment - 1)
    return overflows ? nil : sum / alignment * alignment
  }

  private func invalid(_ tensor: String, expected: String, found: String) -> GGUFError {
    .value(InvalidValue(path, "tensor \(tensor)", expected: expected, found: found))
  }
}
