import Diagnostics
import DurableFiles

/// Checks what a header says about its tensors against the file's size.
struct SafetensorsHeader {
  let file: String
  let dataStart: Int
  let fileSize: Int

  /// The tensors of the header's `members`, in the order of their bytes.
  func entries(_ members: [String: JSONValue]) throws(ModelFileError) -> [SafetensorsEntry] {
    var entries: [SafetensorsEntry] = []
    // In the order of names, so that of several faults always the same one is reported.
    for (name, value) in members.sorted(by: { $0.key < $1.key }) { entries.append(try entry(name, value)) }
    entries.sort {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound) < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }
    var end = dataStart
    var previous = ""
    for entry in entries {
      let start = entry.byteRange.lowerBound
      guard start >= end else { throw .overlappingTensors(file: file, first: previous, second: entry.name) }
      guard start == end else { throw .unusedBytes(file: file, from: end, to: start) }
      end = entry.byteRange.upperBound
      previous = entry.name
    }
    guard end == fileSize else { throw .unusedBytes(file: file, from: end, to: fileSize) }
    return entries
  }

  private func entry(_ name: String, _ value: JSONValue) throws(ModelFileError) -> SafetensorsEntry {
    guard case .object(let fields) = value else {
      throw invalid(name, name, expected: "an object of dtype, shape and data_offsets", found: value)
    }
    guard case .string(let typeName) = fields["dtype"], let type = TensorType(rawValue: typeName) else {
      let known = TensorType.allCases.map(\.rawValue).joined(separator: ", ")
      throw invalid(name, "dtype", expected: "one of \(known)", found: fields["dtype"])
    }
    guard let shape = naturalNumbers(fields["shape"]) else {
      throw invalid(name, "shape", expected: "an array of non-negative integers", found: fields["shape"])
    }
    guard let offsets = naturalNumbers(fields["data_offsets"]), offsets.count == 2, offsets[0] <= offsets[1] else {
      throw invalid(
        name, "data_offsets", expected: "two ascending non-negative integers", found: fields["data_offsets"])
    }
    guard offsets[1] <= fileSize - dataStart else {
      throw .file(
        .pastEnd(
          file: file, byteOffset: clampedSum(dataStart, offsets[0]), byteCount: offsets[1] - offsets[0],
          fileSize: fileSize))
    }
    guard let byteCount = byteCount(shape, type) else {
      throw invalid(name, "shape", expected: "a whole number of bytes that fits 63 bits", found: fields["shape"])
    }
    guard byteCount == offsets[1] - offsets[0] else {
      throw invalid(
        name, "data_offsets", expected: "\(byteCount) bytes for \(typeName) of shape \(shape)",
        found: .integer(offsets[1] - offsets[0]))
    }
    return SafetensorsEntry(
      name: name, type: type, shape: shape, byteRange: dataStart + offsets[0]..<dataStart + offsets[1])
  }

  private func invalid(_ tensor: String, _ key: String, expected: String, found: JSONValue?) -> ModelFileError {
    .value(
      InvalidValue("\(file): tensor \(tensor)", key, expected: expected, found: found?.description ?? "nothing"))
  }

  private func naturalNumbers(_ value: JSONValue?) -> [Int]? {
    guard case .array(let elements) = value else { return nil }
    var numbers: [Int] = []
    for element in elements {
      guard case .integer(let number) = element, number >= 0 else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  private func clampedSum(_ first: Int, _ second: Int) -> Int {
    let (sum, overflows) = first.addingReportingOverflow(second)
    return overflows ? .max : sum
  }

  /// `nil` where the product overflows, or 4- and 6-bit elements do not fill whole bytes.
  private func byteCount(_ shape: [Int], _ type: TensorType) -> Int? {
    var bits = type.bitCount
    for size in shape {
      let (product, overflows) = bits.multipliedReportingOverflow(by: size)
      if overflows { return nil }
      bits = product
    }
    return bits.isMultiple(of: 8) ? bits / 8 : nil
  }
}
