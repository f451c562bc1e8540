import DurableFiles
import Foundation

/// A safetensors file to be written anew as it is, but for some tensors of which only some rows stay.
struct SafetensorsCopy {
  private let source: SafetensorsFile
  /// Each tensor with the shape it gets, and where its bytes lie.
  private let tensors: [(entry: SafetensorsEntry, shape: [Int], bytes: [Range<Int>])]

  /// - Parameters:
  ///   - source: the file.
  ///   - rows: of some tensors, by name, the rows that stay; those must be in the tensor.
  init(_ source: SafetensorsFile, rows: [String: [Range<Int>]]) {
    self.source = source
    tensors = source.entries.map { entry in
      guard let kept = rows[entry.name] else { return (entry, entry.shape, [entry.byteRange]) }
      let rowBytes = entry.byteRange.count / max(1, entry.shape[0])
      let bytes = kept.map { rows in
        let start = entry.byteRange.lowerBound + rows.lowerBound * rowBytes
        return start..<start + rows.count * rowBytes
      }
      return (entry, [kept.reduce(0) { $0 + $1.count }] + entry.shape.dropFirst(), bytes)
    }
  }

  /// The bytes of all tensors.
  var byteCount: Int { tensors.reduce(0) { $0 + $1.bytes.reduce(0) { $0 + $1.count } } }

  /// Writes the file, which appears whole or not at all; `progress` hears of each stretch how many bytes it has. Throws
  /// `file`.
  func write(to destination: URL, progress: (Int) -> Void) throws(ModelFileError) {
    let layout = tensors.map { SafetensorsLayout(name: $0.entry.name, type: $0.entry.type, shape: $0.shape) }
    let header = SafetensorsLayout.header(layout, metadata: source.metadata)
    try ModelFileError.wrapping { () throws(FileError) in
      let file = try AtomicFile(replacing: destination)
      try file.append(header)
      for tensor in tensors {
        for range in tensor.bytes {
          try source.file.withBytes { (bytes) throws(FileError) in try file.append(bytes.extracting(range)) }
          progress(range.count)
        }
      }
      try file.commit()
    }
  }
}

/// A tensor of a safetensors file that is to be written.
struct SafetensorsLayout {
  let name: String
  let type: TensorType
  let shape: [Int]

  /// The size of its elements in bytes.
  var byteCount: Int { shape.reduce(type.bitCount, *) / 8 }

  /// What a file begins with that has these tensors in this order.
  static func header(_ tensors: [SafetensorsLayout], metadata: [String: String]) -> Data {
    var members = ["\"__metadata__\":" + JSONValue.object(metadata.mapValues { .string($0) }).text()]
    var offset = 0
    for tensor in tensors {
      precondition(
        tensor.name != "__metadata__" && tensor.shape.allSatisfy { $0 >= 0 }, "\(tensor.name) of shape \(tensor.shape)")
      let end = offset + tensor.byteCount
      let fields: [String: JSONValue] = [
        "dtype": .string(tensor.type.rawValue), "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": .array([.integer(offset), .integer(end)]),
      ]
      members.append(JSONValue.quoted(tensor.name) + ":" + JSONValue.object(fields).text())
      offset = end
    }
    var text = Data("{\(members.joined(separator: ","))}".utf8)
    // The data then starts on a multiple of 8, so that readers may use it in place.
    while !text.count.isMultiple(of: 8) { text.append(UInt8(ascii: " ")) }
    return Data((0..<8).map { UInt8(truncatingIfNeeded: UInt64(text.count) >> (8 * $0)) }) + text
  }
}
